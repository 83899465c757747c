"""The files of a release, from what the trials found: graphs that agree with PyTorch, cards, held-out rows."""

import io
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from safetensors.numpy import save
from sklearn.pipeline import Pipeline

from service.contract.card import DataSource, Examples, Metrics, ModelCard, RawFeature, Target
from service.contract.files import (
    CARD_FILE,
    EXAMPLE_ROWS,
    NETWORK_FILE,
    PIPELINE_FILE,
    PREPROCESSING_ONNX_FILE,
    SUMMARY_FILE,
    TRACE_FILE,
)
from service.contract.names import Task
from service.contract.policies import PARITY_TOLERANCE
from training.errors import TrainingError
from training.evaluation import measure_quality, predict
from training.export import fold, network_graph, pipeline_graph, preprocessing_graph, trace_graph
from training.process import TrainingJob, TrainingResult
from training.store import Files
from training.summary import TrainingSummary
from training.table.data import DataTable
from training.table.split import Rows

WEIGHTS_FILE = "weights.safetensors"
PREPROCESSING_SKOPS_FILE = "preprocessing.skops"
HELD_OUT_FILE = "held_out.parquet"
LIBRARIES = ("torch", "scikit-learn", "numpy", "onnx", "onnxruntime", "bentoml")


@dataclass(frozen=True)
class Prepared:
    """What every architecture of a run shares."""

    release: str
    table: DataTable
    preprocessing: Pipeline
    test: Rows
    source: DataSource
    target: Target

    @property
    def task(self) -> Task:
        """Classification or regression."""
        return self.table.task

    @property
    def example_raw(self) -> NDArray[np.float64]:
        """(m, d) float64: the held-out rows that the cards carry."""
        return self.test.raw[:EXAMPLE_ROWS]

    def example_features(self) -> NDArray[np.float64]:
        """(m, features) float64: the same by scikit-learn."""
        features: NDArray[np.float64] = self.preprocessing.transform(self.example_raw)
        return features


@dataclass(frozen=True)
class Trained:
    """One architecture's files, card, and predictions for every held-out row: (n,) float32."""

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
    metrics = measure_quality(predictions, target=prepared.test.target, task=prepared.task, scale=prepared.target.scale)
    card = _make_card(prepared, job, result, metrics=metrics, size=len(network), predictions=predictions)
    files = {
        NETWORK_FILE: network,
        PIPELINE_FILE: pipeline,
        TRACE_FILE: trace_graph(layers, task=prepared.task),
        WEIGHTS_FILE: save(result.state),
        CARD_FILE: card.model_dump_json(exclude_none=True).encode(),
    }
    return Trained(files=files, card=card, predictions=predictions)


def _check_parity(prepared: Prepared, result: TrainingResult, *, network: bytes, pipeline: bytes, name: str) -> None:
    """Compare both graphs with PyTorch in float64 on the example rows."""
    answers = {
        "network": predict(network, prepared.example_features().astype(np.float32)),
        "pipeline": predict(pipeline, prepared.example_raw),
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
    metrics: Metrics,
    size: int,
    predictions: NDArray[np.float32],
) -> ModelCard:
    names = prepared.table.raw_names
    scaler = prepared.preprocessing["scale"]
    return ModelCard(
        release=prepared.release,
        architecture=job.architecture.name,
        task=prepared.task,
        target=prepared.target,
        depth=job.architecture.depth,
        width=job.architecture.width,
        parameters=job.architecture.parameters(raw_features=len(names)),
        bytes=size,
        raw_features=[
            RawFeature(name=name, minimum=low, maximum=high)
            for name, low, high in zip(names, scaler.data_min_, scaler.data_max_, strict=True)
        ],
        feature_names=prepared.preprocessing.get_feature_names_out(names).tolist(),
        recipe=job.recipe,
        data=prepared.source,
        trace=result.trace,
        test=metrics,
        train_seconds=result.seconds,
        peak_memory_bytes=result.peak_memory,
        libraries={**{name: version(name) for name in LIBRARIES}, "python": platform.python_version()},
        examples=_make_examples(prepared, predictions),
    )


def _make_examples(prepared: Prepared, predictions: NDArray[np.float32]) -> Examples:
    return Examples(
        raw=prepared.example_raw.tolist(),
        features=prepared.example_features().astype(np.float32).tolist(),
        target=prepared.test.target[:EXAMPLE_ROWS].tolist(),
        prediction=predictions[:EXAMPLE_ROWS].tolist(),
    )


def preprocessing_files(preprocessing: Pipeline) -> Files:
    """Return the fitted pipeline as scikit-learn reads it and as a graph."""
    import skops.io  # takes seconds, since it imports torch: a wrong table is answered before

    return {
        PREPROCESSING_SKOPS_FILE: skops.io.dumps(preprocessing),
        PREPROCESSING_ONNX_FILE: preprocessing_graph(preprocessing),
    }


def evaluation_files(prepared: Prepared, trained: Mapping[str, Trained], summary: TrainingSummary) -> Files:
    """Return the held-out rows with every architecture's prediction, and the run's summary."""
    columns: dict[str, NDArray[np.generic]] = {
        name: prepared.test.raw[:, index] for index, name in enumerate(prepared.table.raw_names)
    }
    columns[prepared.table.target_name] = prepared.test.target
    columns |= {f"prediction:{name}": network.predictions for name, network in trained.items()}
    stream = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), stream)
    return {HELD_OUT_FILE: stream.getvalue(), SUMMARY_FILE: summary.model_dump_json(exclude_none=True).encode()}
