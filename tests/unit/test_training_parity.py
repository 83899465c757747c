"""scikit-learn, PyTorch in float64 and both graphs agree, for any number of rows and for difficult columns."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from service.contract.card import RawFeature
from service.contract.names import Task, hidden_output
from service.contract.policies import PARITY_TOLERANCE
from training.evaluation import predict
from training.export import pipeline_graph, preprocessing_graph
from training.graph.layers import AffineLayer, fold, network_graph, trace_graph
from training.network import Network, feature_moments
from training.preprocessing import fit_preprocessing, scale
from training.process import TargetScale

COLUMNS = 20
COLUMNS_OF_NUMBERS = [RawFeature(name=f"x{place}", minimum=0, maximum=1) for place in range(COLUMNS)]
COLUMN_KINDS = {
    "ordinary": (0.0, 1.0),
    "large mean": (1e9, 1e3),
    "large mean, tiny spread": (1e3, 1e-3),
    "tiny": (0.0, 1e-12),
    "huge": (0.0, 1e30),
}


def made(mean: float, spread: float, rows: int = 4096) -> NDArray[np.float64]:
    raw = np.random.default_rng(0).normal(mean, spread, (rows, COLUMNS))
    raw[:, 5] = 7.25  # a constant column
    return raw


def trained(
    raw: NDArray[np.float64], target: TargetScale, *, depth: int = 5
) -> tuple[Pipeline, Network, list[AffineLayer]]:
    """Standardised and folded as after training; the weights are PyTorch's first ones, made larger."""
    pipeline = fit_preprocessing(raw, COLUMNS_OF_NUMBERS)
    torch.manual_seed(0)
    network = Network(features=230, depth=depth, width=200 if depth else 0)
    mean, deviation = feature_moments(torch.from_numpy(scale(pipeline, raw)))
    network.standardise(mean=mean, deviation=deviation)
    with torch.no_grad():
        network.output.weight.mul_(20 if depth else 5)  # of the linear model all outputs are as many deviations then
    return pipeline, network, fold(network.arrays(), target=target)


def reference(
    pipeline: Pipeline, network: Network, raw: NDArray[np.float64], task: Task, target: TargetScale
) -> NDArray[np.float64]:
    """scikit-learn and PyTorch, all in float64."""
    with torch.no_grad():
        output = network.double()(torch.from_numpy(pipeline.transform(raw)))
        network.float()
        answer: NDArray[np.float64] = (torch.sigmoid(output) if task == "classification" else output).numpy()
    return answer * target.scale + target.mean


def assert_parity(actual: NDArray[np.float32], expected: NDArray[np.float64], target: TargetScale) -> None:
    # The contract's tolerance: 1e-5 (1 + |b|), in standard deviations of the target.
    gap = np.abs(actual - expected) - PARITY_TOLERANCE * (target.scale + np.abs(expected))
    assert gap.max() <= 0


@pytest.mark.parametrize("kind", COLUMN_KINDS)
@pytest.mark.parametrize(
    ("task", "target"), [("classification", TargetScale()), ("regression", TargetScale(mean=150.0, scale=77.0))]
)
def test_both_graphs_agree_with_pytorch_in_float64(kind: str, task: Task, target: TargetScale) -> None:
    raw = made(*COLUMN_KINDS[kind])
    pipeline, network, layers = trained(raw, target)
    expected = reference(pipeline, network, raw, task, target)
    features = pipeline.transform(raw).astype(np.float32)
    for rows in (1, 2, 64, 4096):
        assert_parity(predict(network_graph(layers, task=task), features[:rows]), expected[:rows], target)
        assert_parity(predict(pipeline_graph(pipeline, layers, task=task), raw[:rows]), expected[:rows], target)


@pytest.mark.parametrize(
    ("task", "target"), [("classification", TargetScale()), ("regression", TargetScale(mean=150.0, scale=77.0))]
)
def test_the_graphs_of_the_linear_model_agree_with_pytorch_too(task: Task, target: TargetScale) -> None:
    raw = made(0, 1, rows=100)
    pipeline, network, layers = trained(raw, target, depth=0)
    expected = reference(pipeline, network, raw, task, target)
    features = pipeline.transform(raw).astype(np.float32)
    assert_parity(predict(network_graph(layers, task=task), features), expected, target)
    assert_parity(predict(pipeline_graph(pipeline, layers, task=task), raw), expected, target)
    session = onnxruntime.InferenceSession(trace_graph(layers, task=task), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["prediction"]


@pytest.mark.parametrize("kind", COLUMN_KINDS)
def test_the_preprocessing_graph_gives_scikit_learns_features(kind: str) -> None:
    raw = made(*COLUMN_KINDS[kind], rows=100)
    pipeline = fit_preprocessing(raw, COLUMNS_OF_NUMBERS)
    session = onnxruntime.InferenceSession(preprocessing_graph(pipeline), providers=["CPUExecutionProvider"])
    (features,) = session.run(None, {"raw": raw})
    # Products of two factors rounded to float32: three roundings of half a unit in the last place.
    np.testing.assert_allclose(features, pipeline.transform(raw), rtol=2e-7, atol=1e-7)
    assert not features[:, 5].any()


def test_the_trace_graph_shows_the_layers_of_the_network() -> None:
    raw = made(0, 1, rows=50)
    pipeline, network, layers = trained(raw, TargetScale())
    session = onnxruntime.InferenceSession(
        trace_graph(layers, task="classification"), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    assert names == [*(hidden_output(number) for number in range(1, 6)), "prediction"]
    outputs = session.run(None, {"features": pipeline.transform(raw).astype(np.float32)})
    assert [output.shape for output in outputs] == [(50, 200)] * 5 + [(50,)]
    assert all((output >= 0).all() for output in outputs)
    assert_parity(outputs[-1], reference(pipeline, network, raw, "classification", TargetScale()), TargetScale())


RAW = made(0, 1, rows=200)
PIPELINE, _, LAYERS = trained(RAW, TargetScale())
GRAPH = pipeline_graph(PIPELINE, LAYERS, task="classification")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 199), min_size=1, max_size=20))
def test_a_batch_of_rows_equals_the_same_rows_one_by_one(rows: list[int]) -> None:
    batch = predict(GRAPH, RAW[rows])
    singly = np.concatenate([predict(GRAPH, RAW[row : row + 1]) for row in rows])
    np.testing.assert_allclose(batch, singly, rtol=1e-5, atol=1e-6)  # sums in another order
