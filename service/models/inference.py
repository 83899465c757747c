"""ONNX Runtime sessions of a release: arrays in, arrays out. Golden rows and warm-up before the first request."""

from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.codec.columns import code_examples
from service.contract.card import ModelCard
from service.contract.files import GOLDEN_ROWS, NETWORK_FILE, PIPELINE_FILE, PREPROCESSING_ONNX_FILE, TRACE_FILE
from service.contract.names import PREDICTION, PREPROCESSING, hidden_output
from service.contract.policies import PARITY_TOLERANCE
from service.models.entry import ReleaseError
from service.models.release import Release

Array = NDArray[np.float32]
WARM_UP_ROWS = (1, 2, 64)
"""Batch sizes that are run once before readiness: the first call of a shape plans its memory."""


PIECE_BYTES = 16 * 2**20
"""Of features as float32: all 4,096 rows of 20 columns at once; of 190 columns 228 rows, where 4,096 take 300 MB."""
DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class OneRow:
    """A graph run on one row in memory that stays bound: a third less time than looking it up anew for each row."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._binding = session.io_binding()
        takes, gives = session.get_inputs()[0], session.get_outputs()[0]
        self._row, self._answer = (
            np.zeros((1, *tensor.shape[1:]), DTYPES[tensor.type])
            for tensor in (takes, gives)  # the first dimension is n
        )
        for bind, tensor, array in (
            (self._binding.bind_input, takes, self._row),
            (self._binding.bind_output, gives, self._answer),
        ):
            bind(tensor.name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def run(self, row: NDArray[np.float32] | NDArray[np.float64]) -> Array:
        """row: (1, columns) -> the graph's first output for it, float32."""
        self._row[...] = row
        self._session.run_with_iobinding(self._binding)
        return self._answer.copy()


class LoadedGraph:
    """One ONNX graph with one input. Safe to call from one thread at a time.

    width: of the widest matrix in it, of which a run holds no more rows than fit into ``PIECE_BYTES``.
    """

    def __init__(self, path: Path, *, width: int, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._one_row = OneRow(self._session)
        self._most_rows = max(1, PIECE_BYTES // (width * np.dtype(np.float32).itemsize))

    def run(self, rows: NDArray[np.float32] | NDArray[np.float64]) -> Array:
        """rows: (n, columns) of the graph's dtype -> its first output, float32."""
        if len(rows) == 1:
            return self._one_row.run(rows)
        if len(rows) <= self._most_rows:
            return self._run(rows)
        pieces = range(0, len(rows), self._most_rows)
        return np.concatenate([self._run(rows[start : start + self._most_rows]) for start in pieces])

    def _run(self, rows: NDArray[np.float32] | NDArray[np.float64]) -> Array:
        return self._session.run(self._outputs[:1], {self._input: rows})[0]  # type: ignore[no-any-return]

    def run_all(self, rows: Array) -> dict[str, Array]:
        """rows: (n, columns) -> every output by name."""
        return dict(zip(self._outputs, self._session.run(self._outputs, {self._input: rows}), strict=True))


class ArchitectureGraphs:
    """The graphs of one architecture: ``network`` takes features, ``pipeline`` takes raw values."""

    def __init__(self, folder: Path, card: ModelCard, *, threads: int) -> None:
        self.card = card
        self._width = len(card.feature_names)
        self.network = LoadedGraph(folder / NETWORK_FILE, width=self._width, threads=threads)
        self.pipeline = LoadedGraph(folder / PIPELINE_FILE, width=self._width, threads=threads)
        self._trace_path = folder / TRACE_FILE
        self._threads = threads

    @cached_property
    def _trace(self) -> LoadedGraph:
        # Loaded when first asked for: who never traces pays neither its memory nor its start-up time.
        return LoadedGraph(self._trace_path, width=self._width, threads=self._threads)

    def trace(self, features: Array) -> tuple[list[Array], Array]:
        """features: (n, features) -> the hidden layers after ReLU, each (n, width), and (n) or (n, k) predictions."""
        outputs = self._trace.run_all(features)
        return [outputs[hidden_output(layer)] for layer in range(1, self.card.depth + 1)], outputs[PREDICTION]


class Models:
    """Everything that one worker answers with."""

    def __init__(self, release: Release, *, threads: int) -> None:
        self.release = release
        self.preprocessing = LoadedGraph(
            release.folders[PREPROCESSING] / PREPROCESSING_ONNX_FILE,
            width=len(release.card.feature_names),
            threads=threads,
        )
        self.architectures = {
            name: ArchitectureGraphs(release.folders[name], card, threads=threads)
            for name, card in release.cards.items()
        }

    def check_golden_rows(self) -> None:
        """Answer every card's golden rows; raise ReleaseError if an answer differs from the card's."""
        for architecture in self.architectures.values():
            examples = architecture.card.examples
            raw = np.array(code_examples(architecture.card.raw_features, examples.raw[:GOLDEN_ROWS]), np.float64)
            features = np.array(examples.features[:GOLDEN_ROWS], np.float32)
            expected = np.array(examples.prediction[:GOLDEN_ROWS])
            scale = architecture.card.target.scale
            self._compare(architecture, "features", self.preprocessing.run(raw), features, 1.0)
            self._compare(architecture, "network", architecture.network.run(features), expected, scale)
            self._compare(architecture, "pipeline", architecture.pipeline.run(raw), expected, scale)

    def _compare(
        self,
        architecture: ArchitectureGraphs,
        graph: str,
        actual: Array,
        expected: NDArray[np.floating],
        scale: float,
    ) -> None:
        if actual.shape != expected.shape:
            raise ReleaseError(
                f"release {self.release.version}: the {graph} graph of '{architecture.card.architecture}' must answer "
                f"{len(expected)} golden rows in the shape {expected.shape}, however: {actual.shape}. "
                "Train again, or serve another release with ARCHSCALE_RELEASE."
            )
        allowed = PARITY_TOLERANCE * (scale + np.abs(expected))
        wrong = ~(np.abs(actual - expected) <= allowed)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0])
            raise ReleaseError(
                f"release {self.release.version}: the {graph} graph of '{architecture.card.architecture}' must answer "
                f"golden row {place[0]} with {expected[place]:.8g}, however: {actual[place]:.8g}. "
                "Train again, or serve another release with ARCHSCALE_RELEASE."
            )

    def warm_up(self) -> None:
        """Run every serving graph once at a few batch sizes."""
        columns = len(self.release.card.raw_features)
        for rows in WARM_UP_ROWS:
            raw = np.zeros((rows, columns), np.float64)
            features = self.preprocessing.run(raw)
            for architecture in self.architectures.values():
                architecture.network.run(features)
                architecture.pipeline.run(raw)


def load_models(release: Release, *, threads: int) -> Models:
    """Open every graph of the release, prove the golden rows, warm up. Raises ReleaseError."""
    models = Models(release, threads=threads)
    models.check_golden_rows()
    models.warm_up()
    return models
