"""Gaps, booleans, categories, several classes: scikit-learn, PyTorch in float64 and both graphs agree."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import skops.io
import torch
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from service.contract.card import RawFeature
from service.contract.names import Task, count_features
from service.contract.policies import PARITY_TOLERANCE
from tests.coded import TABLES, CodedTable, everything, numbers
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS
from training.artefacts import UNKNOWN_LEVEL, natural_column, preprocessing_files
from training.evaluation import predict
from training.export import pipeline_graph, preprocessing_graph
from training.graph.layers import AffineLayer, fold, network_graph
from training.network import Network, feature_moments
from training.preprocessing import count_encoded, feature_names, fit_preprocessing, scale
from training.process import TargetScale

REGRESSION = TargetScale(mean=150.0, scale=77.0)
TASKS: dict[str, tuple[Task, int, TargetScale]] = {
    "two classes": ("classification", 1, TargetScale()),
    "three classes": ("classification", 3, TargetScale()),
    "a number": ("regression", 1, REGRESSION),
}


def fitted(table: CodedTable) -> Pipeline:
    return fit_preprocessing(table.training, table.columns, complete=not np.isnan(table.raw).any())


def trained(
    pipeline: Pipeline,
    training: NDArray[np.float64],
    *,
    outputs: int = 1,
    target: TargetScale = REGRESSION,
    sharpness: float = 20,
) -> tuple[Network, list[AffineLayer]]:
    """Standardised and folded as after training; the weights are PyTorch's first ones, made larger."""
    torch.manual_seed(0)
    network = Network(features=count_features(count_encoded(pipeline)), depth=2, width=50, outputs=outputs)
    mean, deviation = feature_moments(torch.from_numpy(scale(pipeline, training)))
    network.standardise(mean=mean, deviation=deviation)
    with torch.no_grad():
        network.output.weight.mul_(sharpness)
    return network, fold(network.arrays(), target=target)


def answers(network: Network, features: NDArray[np.float64], *, task: Task, target: TargetScale) -> NDArray[np.float64]:
    """PyTorch in float64."""
    with torch.no_grad():
        output = network.double()(torch.from_numpy(features))
    if task == "classification":
        output = torch.softmax(output, 1) if output.ndim > 1 else torch.sigmoid(output)
    return (output * target.scale + target.mean).numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_both_graphs_agree_with_pytorch_on_every_kind_of_column(made: Callable[[], CodedTable], kind: str) -> None:
    table = made()
    task, outputs, target = TASKS[kind]
    pipeline = fitted(table)
    network, layers = trained(pipeline, table.training, outputs=outputs, target=target)
    features = pipeline.transform(table.raw)
    expected = answers(network, features, task=task, target=target)
    allowed = PARITY_TOLERANCE * (target.scale + np.abs(expected))
    for answer in (
        predict(network_graph(layers, task=task), features.astype(np.float32)),
        predict(pipeline_graph(pipeline, layers, task=task), table.raw),
    ):
        assert answer.shape == expected.shape
        assert (np.abs(answer - expected) <= allowed).all()


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_the_preprocessing_graph_gives_scikit_learns_features(made: Callable[[], CodedTable]) -> None:
    table = made()
    pipeline = fitted(table)
    graph = preprocessing_graph(pipeline)
    # Products of two factors rounded to float32: three roundings of half a unit in the last place.
    np.testing.assert_allclose(predict_features(graph, table.raw), pipeline.transform(table.raw), rtol=2e-7, atol=1e-7)
    np.testing.assert_array_equal(predict_features(graph, table.raw[:1]), predict_features(graph, table.raw)[:1])


def predict_features(graph: bytes, raw: NDArray[np.float64]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    features: NDArray[np.float32] = session.run(None, {"raw": raw})[0]
    return features


@pytest.mark.parametrize("made", TABLES.values(), ids=TABLES)
def test_every_feature_has_a_name(made: Callable[[], CodedTable]) -> None:
    table = made()
    pipeline = fitted(table)
    names = feature_names(pipeline, table.columns)
    assert len(names) == len(set(names)) == count_features(count_encoded(pipeline))


def test_names_say_what_a_column_became() -> None:
    table = everything()
    pipeline = fitted(table)
    names = feature_names(pipeline, table.columns)
    assert names[: count_encoded(pipeline)] == [
        *("age", "smoker", "height", "insured", "age missing", "insured missing"),
        *("colour=level 0", "colour=level 1", "colour=level 2"),
        *("city=level 0", "city=level 1", "city=level 2", "city missing", "city=(rare)"),
    ]
    assert {"age^2", "age smoker", "age missing city=(rare)"} <= set(names)


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        (0, [1, 0, 0, 0, 0]),
        (3, [0, 0, 0, 0, 1]),
        (4, [0, 0, 0, 0, 1]),
        (np.nan, [0, 0, 0, 1, 0]),
        (-1, [0, 0, 0, 0, 1]),
    ],
)
def test_a_rare_level_and_an_unknown_one_share_a_column(code: float, columns: list[int]) -> None:
    table = everything()
    row = table.training[:1].copy()
    row[0, 3] = code
    assert scale(fitted(table), row)[0, -5:].tolist() == columns


def test_an_unknown_level_is_no_level_where_none_is_rare() -> None:
    table = everything()
    rows = np.repeat(table.training[:1], 2, axis=0)
    rows[:, 0] = [-1, np.nan]
    assert not scale(fitted(table), rows)[:, 6:9].any()


def test_numbers_alone_are_scaled_and_multiplied_and_nothing_else() -> None:
    table = numbers()
    assert list(fitted(table).named_steps) == ["scale", "products"]
    assert feature_names(fitted(table), table.columns)[:7] == ["x0", "x1", "x2", "x3", "x4", "x5", "x0^2"]


@pytest.mark.parametrize("columns", [1, 2, 3, 20, 101, 160])
def test_the_graph_of_numbers_is_the_plain_formula(columns: int) -> None:
    """From the same weights: every product once, in scikit-learn's order, in float32 as the graphs compute it."""
    table = numbers(columns)
    pipeline = fitted(table)
    _, layers = trained(pipeline, table.training, target=TargetScale(), sharpness=3)
    raw = table.raw[:200]
    scaled = (raw * pipeline["scale"].scale_ + pipeline["scale"].min_).astype(np.float32)
    left, right = np.triu_indices(columns)
    value = np.hstack([scaled, scaled[:, left] * scaled[:, right]])
    for layer in layers[:-1]:
        value = np.maximum(value @ layer.weight.T.astype(np.float32) + layer.bias.astype(np.float32), 0)
    logits = value @ layers[-1].weight.T.astype(np.float32) + layers[-1].bias.astype(np.float32)
    plain = 1 / (1 + np.exp(-logits[:, 0]))
    np.testing.assert_allclose(predict(pipeline_graph(pipeline, layers, task="classification"), raw), plain, atol=1e-6)


@pytest.mark.parametrize("columns", [1, 2, 20, 101, 160])
def test_a_value_beyond_float32_gets_no_finite_answer(columns: int) -> None:
    table = numbers(columns)
    pipeline = fitted(table)
    _, layers = trained(pipeline, table.training)
    raw = table.raw[:1].copy()
    raw[0, -1] = 1e300
    assert not np.isfinite(predict(pipeline_graph(pipeline, layers, task="classification"), raw)).any()


@pytest.mark.parametrize("classes", [3, 17, 100])
@pytest.mark.parametrize("spread", [1.0, 30.0, 1000.0])
def test_probabilities_of_several_classes_are_right_in_the_tails(classes: int, spread: float) -> None:
    logits = np.random.default_rng(1).normal(0, spread, (300, classes)).astype(np.float32)
    graph = network_graph([AffineLayer(np.eye(classes), np.zeros(classes))], task="classification")
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    exact = exponentials / exponentials.sum(axis=1, keepdims=True)
    # What float32 can hold of the difference of two logits: half a unit in the last place of 64, 4e-6 relative.
    np.testing.assert_allclose(predict(graph, logits), exact, rtol=1e-5, atol=1e-30)


def test_the_fitted_pipeline_is_read_without_code_from_the_file() -> None:
    table = everything()
    pipeline = fitted(table)
    content = preprocessing_files(pipeline)["preprocessing.skops"]
    assert skops.io.get_untrusted_types(data=content) == ["numpy.dtype"]  # SimpleImputer keeps that of its columns
    read = skops.io.loads(content, trusted=["numpy.dtype"])
    np.testing.assert_array_equal(read.transform(table.raw), pipeline.transform(table.raw))
    plain = preprocessing_files(fitted(numbers()))["preprocessing.skops"]
    assert skops.io.get_untrusted_types(data=plain) == []


SAVE = """
import sys
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from training import artefacts
artefacts.preprocessing_graph = lambda pipeline: b""
artefacts.preprocessing_files(make_pipeline(MinMaxScaler()).fit(np.eye(2)))
assert "torch" not in sys.modules
import torch
assert torch.ones(1).sum() == 1
"""


def test_the_process_that_saves_loads_no_pytorch_and_still_can() -> None:
    subprocess.run([sys.executable, "-c", SAVE], cwd=ROOT, check=True, timeout=PATIENCE_SECONDS)


def test_held_out_columns_are_written_as_the_table_had_them() -> None:
    columns = [
        RawFeature(name="x", minimum=0, maximum=9),
        RawFeature(name="b", minimum=0, maximum=1, kind="boolean", levels=["no", "yes"]),
        RawFeature(name="c", minimum=0, maximum=1, kind="category", levels=["green", "red"]),
    ]
    raw = np.array([[1.5, 1, 1], [np.nan, np.nan, np.nan], [-1, 0, -1]])
    written = [natural_column(column, raw[:, place]).to_pylist() for place, column in enumerate(columns)]
    assert written == [[1.5, None, -1.0], [True, None, False], ["red", None, UNKNOWN_LEVEL]]
