"""The files of a release, from what the trials found: graphs that agree with PyTorch, cards, held-out rows."""

import io
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.pipeline import Pipeline

from service.contract.card import (
    CARD_FORMAT,
    Calibration,
    ColumnKind,
    DataSource,
    Examples,
    ModelCard,
    RawFeature,
    Target,
)
from service.contract.files import (
    CARD_FILE,
    EXAMPLE_NUMBERS,
    EXAMPLE_ROWS,
    GOLDEN_ROWS,
    NETWORK_FILE,
    PIPELINE_FILE,
    PREPROCESSING_ONNX_FILE,
    SUMMARY_FILE,
    TRACE_FILE,
)
from service.contract.names import Task
from service.contract.policies import PARITY_TOLERANCE, UNKNOWN_CODE
from training.columns.data import DataTable
from training.columns.split import LabelledRows
from training.errors import TrainingError
from training.evaluation import choose_threshold, measure_calibration, measure_quality, predict
from training.export import pipeline_graph, preprocessing_graph
from training.graph.layers import fold, network_graph, trace_graph
from training.preprocessing import count_encoded, feature_names
from training.process import TrainingJob, TrainingResult
from training.store import Files
from training.summary import TrainingSummary

WEIGHTS_FILE = "weights.safetensors"
PREPROCESSING_SKOPS_FILE = "preprocessing.skops"
HELD_OUT_FILE = "held_out.parquet"
LIBRARIES = ("torch", "scikit-learn", "numpy", "onnx", "onnxruntime", "bentoml")
UNKNOWN_LEVEL = "(not in the training rows)"
"""What ``held_out.parquet`` shows of a level that has no code."""


PARQUET_TYPES: dict[ColumnKind, pa.DataType] = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}


@dataclass(frozen=True)
class Prepared:
    """What every architecture of a run shares."""

    release: str
    table: DataTable
    preprocessing: Pipeline
    validation: LabelledRows
    test: LabelledRows
    source: DataSource
    target: Target

    @property
    def task(self) -> Task:
        """Classification or regression."""
        return self.table.task

    @cached_property
    def examples(self) -> LabelledRows:
        """Return the first held-out rows that the service answers: no unknown level, no gap that training had not.

        Raise TrainingError where there are none.
        """
        complete = np.array([column.missing_share == 0 for column in self.table.columns])
        coded = np.array([column.kind != "number" for column in self.table.columns])
        raw = self.test.raw
        refused = ((np.isnan(raw) & complete) | ((raw == UNKNOWN_CODE) & coded)).any(axis=1)
        features = self.preprocessing.transform(raw[:1]).shape[1]
        most = max(GOLDEN_ROWS, min(EXAMPLE_ROWS, EXAMPLE_NUMBERS // features))
        chosen = np.flatnonzero(~refused)[:most]
        if not len(chosen):
            raise TrainingError(
                f"{self.table.source}: a held-out row must have known levels alone, however: each has one that the "
                "training rows lack, or a gap where they have none. Drop the columns of many levels, or add rows."
            )
        return LabelledRows(raw=raw[chosen], target=self.test.target[chosen])

    @property
    def reference_raw(self) -> NDArray[np.float64]:
        """(m, d) float64: the rows by which graphs and PyTorch are compared, first the examples, then held-out ones."""
        return np.concatenate([self.examples.raw, self.test.raw[:EXAMPLE_ROWS]])

    def reference_features(self) -> NDArray[np.float64]:
        """(m, features) float64: the same by scikit-learn."""
        features: NDArray[np.float64] = self.preprocessing.transform(self.reference_raw)
        return features


@dataclass(frozen=True)
class Trained:
    """One architecture's files, card, and predictions for every held-out row: (n,), or (n, k) float32."""

    files: dict[str, bytes]
    card: ModelCard
    predictions: NDArray[np.float32]


def make_trained(prepared: Prepared, job: TrainingJob, result: TrainingResult) -> Trained:
    """Export one network, prove that its graphs agree with PyTorch, measure it. Raise TrainingError if they differ."""
    layers = fold(result.state, target=job.target_scale)
    network = network_graph(layers, task=prepared.task)
    pipeline = pipeline_graph(prepared.preprocessing, layers, task=prepared.task)
    _check_parity(prepared, result, network=network, pipeline=pipeline, name=job.architecture.name)
    predictions = predict(pipeline, prepared.test.raw)
    card = _make_card(prepared, job, result, network=network, pipeline=pipeline, predictions=predictions)
    files = {
        NETWORK_FILE: network,
        PIPELINE_FILE: pipeline,
        TRACE_FILE: trace_graph(layers, task=prepared.task),
        WEIGHTS_FILE: save(result.state),
        CARD_FILE: card.model_dump_json(exclude_none=True).encode(),
    }
    return Trained(files=files, card=card, predictions=predictions)


def _check_parity(prepared: Prepared, result: TrainingResult, *, network: bytes, pipeline: bytes, name: str) -> None:
    """Compare both graphs with PyTorch in float64 on the reference rows."""
    answers = {
        "network": predict(network, prepared.reference_features().astype(np.float32)),
        "pipeline": predict(pipeline, prepared.reference_raw),
    }
    allowed = PARITY_TOLERANCE * (prepared.target.scale + np.abs(result.reference))
    for graph, answer in answers.items():
        gap = np.abs(answer - result.reference)
        if not (gap <= allowed).all():
            raise TrainingError(
                f"the {graph} graph of '{name}' must agree with PyTorch to {PARITY_TOLERANCE:g}, however: it is off by "
                f"{np.nanmax(gap):.2g}. Nothing was saved; look for a column of extreme outliers."
            )


def _make_card(
    prepared: Prepared,
    job: TrainingJob,
    result: TrainingResult,
    *,
    network: bytes,
    pipeline: bytes,
    predictions: NDArray[np.float32],
) -> ModelCard:
    columns = prepared.table.columns
    return ModelCard(
        format=CARD_FORMAT,
        release=prepared.release,
        architecture=job.architecture.name,
        task=prepared.task,
        target=_with_threshold(prepared, pipeline),
        depth=job.architecture.depth,
        width=job.architecture.width,
        parameters=job.architecture.parameters(columns=count_encoded(prepared.preprocessing), outputs=job.outputs),
        bytes=len(network),
        raw_features=columns,
        feature_names=feature_names(prepared.preprocessing, columns),
        recipe=job.recipe,
        data=prepared.source,
        trace=result.trace,
        test=measure_quality(predictions, target=prepared.test.target, task=prepared.task, scale=prepared.target.scale),
        calibration=_calibration(prepared, predictions),
        train_seconds=result.seconds.wall,
        processor_seconds=result.seconds.processor,
        threads=job.threads,
        disturbed=result.disturbed,
        peak_memory_bytes=result.memory.peak,
        network_memory_bytes=result.memory.network,
        libraries={**{name: version(name) for name in LIBRARIES}, "python": platform.python_version()},
        examples=_make_examples(prepared, pipeline),
    )


def _with_threshold(prepared: Prepared, pipeline: bytes) -> Target:
    """Return the target with the threshold of this one architecture, where there are two classes."""
    if len(prepared.target.classes) != 2:
        return prepared.target
    threshold = choose_threshold(predict(pipeline, prepared.validation.raw), target=prepared.validation.target)
    return prepared.target.model_copy(update={"threshold": threshold})


def _calibration(prepared: Prepared, predictions: NDArray[np.float32]) -> Calibration | None:
    if prepared.task == "regression":
        return None
    return measure_calibration(predictions, target=prepared.test.target)


def _make_examples(prepared: Prepared, pipeline: bytes) -> Examples:
    examples = prepared.examples
    features = prepared.preprocessing.transform(examples.raw).astype(np.float32)
    return Examples(
        raw=[
            [column.natural(code) for column, code in zip(prepared.table.columns, row, strict=True)]
            for row in examples.raw.tolist()
        ],
        features=features.tolist(),
        target=examples.target.tolist(),
        prediction=predict(pipeline, examples.raw).tolist(),
    )


@contextmanager
def _without_torch() -> Iterator[None]:
    """Let PyTorch seem absent: skops imports every package of scikit-learn, and one of them PyTorch: a second.

    That one (``sklearn.externals.array_api_compat.torch``) is then passed over, as where PyTorch is not installed.
    """
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # as the import system is told that there is none
    try:
        yield
    finally:
        del sys.modules["torch"]


def preprocessing_files(preprocessing: Pipeline) -> Files:
    """Return the fitted pipeline as scikit-learn reads it and as a graph."""
    with _without_torch():
        import skops.io  # takes most of a second: a wrong table is answered before

    return {
        PREPROCESSING_SKOPS_FILE: skops.io.dumps(preprocessing),
        PREPROCESSING_ONNX_FILE: preprocessing_graph(preprocessing),
    }


def natural_column(column: RawFeature, codes: NDArray[np.float64]) -> pa.Array:
    """Return a coded column, (n,), as the table had it. A level of other rows alone has no name: ``UNKNOWN_LEVEL``."""
    cells = [
        UNKNOWN_LEVEL if code == UNKNOWN_CODE and column.kind == "category" else column.natural(code)
        for code in codes.tolist()
    ]
    return pa.array(cells, PARQUET_TYPES[column.kind])


def evaluation_files(prepared: Prepared, trained: Mapping[str, Trained], summary: TrainingSummary) -> Files:
    """Return the held-out rows with every architecture's prediction, and the run's summary."""
    columns = {
        column.name: natural_column(column, prepared.test.raw[:, place])
        for place, column in enumerate(prepared.table.columns)
    }
    columns[prepared.table.target_name] = pa.array(prepared.test.target)
    for name, network in trained.items():
        if network.predictions.ndim == 1:
            columns[f"prediction:{name}"] = pa.array(network.predictions)
            continue
        for label, values in zip(prepared.target.classes, network.predictions.T, strict=True):
            columns[f"prediction:{name}:{label}"] = pa.array(values)
    stream = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), stream)
    return {HELD_OUT_FILE: stream.getvalue(), SUMMARY_FILE: summary.model_dump_json(exclude_none=True).encode()}
