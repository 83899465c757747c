"""One file through a release: read block by block, coded, answered, written, and counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
from numpy.typing import NDArray

from service.contract.card import ModelCard
from service.contract.files import GOLDEN_ROWS
from service.contract.names import PREDICTION, RAW
from service.contract.policies import PARITY_TOLERANCE
from training.errors import TrainingError, UserError, first_line, quoted
from training.score.coding import Coder, code_natural
from training.score.measure.drift import ColumnTally
from training.score.measure.quality import QualityTally
from training.score.measure.target import code_target
from training.score.options import Policies
from training.score.outputs import opened_output, prediction_columns, prediction_names
from training.score.reading import ScoredFile
from training.table.values import ReadOptions

PIECE_NUMBERS = 2**18
"""Features of the rows that a graph is run on at once: 1,024 rows of 230. Four times as many are no faster, and take
memory (ONNX Runtime 1.32)."""
MOST_PIECE_ROWS = 1024


@dataclass(frozen=True)
class FileTask:
    """A file to answer, and where to."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Scorer:
    """An architecture of a release. pipeline: ``pipeline.onnx``, from coded raw values to predictions."""

    card: ModelCard
    pipeline: bytes


@dataclass(frozen=True)
class ScoreSettings:
    """What is done with every file. read: with the columns that are wanted; several: some may have no rows."""

    scorer: Scorer
    policies: Policies
    read: ReadOptions
    numeric: tuple[str, ...]
    keep: tuple[str, ...]
    several: bool


@dataclass
class ScoreReport:
    """What was found in a file, or in several."""

    rows: int = 0
    out_of_range: int = 0
    unknown: int = 0
    tallies: list[ColumnTally] = field(default_factory=list)
    quality: QualityTally = field(default_factory=QualityTally)

    def merge(self, other: "ScoreReport") -> None:
        """Add another file's."""
        self.rows += other.rows
        self.out_of_range += other.out_of_range
        self.unknown += other.unknown
        self.quality.merge(other.quality)
        if not self.tallies:
            self.tallies = other.tallies
            return
        for ours, theirs in zip(self.tallies, other.tallies, strict=True):
            ours.merge(theirs)


@dataclass(frozen=True)
class Answered:
    """Rows of a file that were answered, and about how many of its bytes they are."""

    task: FileTask
    rows: int
    bytes: float


@dataclass(frozen=True)
class Scored:
    """A file that was answered to its end."""

    task: FileTask
    report: ScoreReport


Event = Answered | Scored


class FileScorer:
    """Answers one file after the other with one architecture."""

    def __init__(self, settings: ScoreSettings) -> None:
        """Load the graph and have it answer the card's golden rows. Raise TrainingError where it does not."""
        self.settings, self.card = settings, settings.scorer.card
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            settings.scorer.pipeline, options, providers=["CPUExecutionProvider"]
        )
        self.piece_rows = max(1, min(MOST_PIECE_ROWS, PIECE_NUMBERS // len(self.card.feature_names)))
        self.coder = Coder(self.card.raw_features, policies=settings.policies, numeric=settings.numeric)
        self.names = [*settings.keep, *prediction_names(self.card)]
        self._check_golden_rows()

    def score(self, task: FileTask) -> Iterator[Event]:
        """Answer a file, and yield what happens; ``publish`` gives what is written its name.

        Raise UserError for a file or a row that the service would refuse, TrainingError where nothing can be written.
        """
        try:
            yield from self._score(task)
        except MemoryError as error:
            raise TrainingError(
                f"{task.source.name}: its rows must fit into memory by blocks, however: {first_line(error)}. Free "
                "some, or give fewer --jobs."
            ) from error

    def _score(self, task: FileTask) -> Iterator[Event]:
        file = ScoredFile(task.source, self.settings.read, self.card, self.settings.keep)
        report = ScoreReport(tallies=[ColumnTally.of(feature) for feature in self.card.raw_features])
        with opened_output(task.output, self.names) as output:
            for block in file.blocks():
                predictions = self._answer(block, file, report)
                kept = [file.cells(block, name) for name in self.settings.keep]
                output.add(kept + prediction_columns(predictions, self.card))
                yield Answered(task, block.num_rows, file.count_bytes(block))
            if not report.rows:
                if not self.settings.several:
                    raise UserError(f"{task.source.name}: a table must have rows, however: it has none. Add rows.")
                output.add(self._no_rows(file))
        yield Scored(task, report)

    def _no_rows(self, file: ScoredFile) -> list[pa.Array]:
        """Return what is written of a part without rows, as Spark writes some: columns that those of others fit."""
        outputs = self.card.target.outputs
        predictions = np.empty(0 if outputs == 1 else (0, outputs), np.float32)
        kept = [pa.array([], file.type_of(name)) for name in self.settings.keep]
        return kept + prediction_columns(predictions, self.card)

    def _answer(self, block: pa.RecordBatch, file: ScoredFile, report: ScoreReport) -> NDArray[np.float32]:
        coded = self.coder.code([file.cells(block, name) for name in self.coder.names], file.source, report.tallies)
        if coded.faults:
            fault = min(coded.faults, key=lambda fault: fault.row)
            place = file.place(report.rows + fault.row)
            raise UserError(
                f"{place}: column {quoted(fault.column)} must {fault.must}, however: it {fault.fact}. {fault.remedy}"
            )
        predictions = self._predict(coded.raw)
        self._check_finite(predictions, coded.raw, file, report.rows)
        if file.has_target:
            target, unusable = code_target(file.cells(block, self.card.target.name), file.source, self.card)
            report.quality.add(predictions, target, self.card)
            report.quality.unusable += unusable
        report.rows += block.num_rows
        report.out_of_range += coded.out_of_range
        report.unknown += coded.unknown
        return predictions

    def _predict(self, raw: NDArray[np.float64]) -> NDArray[np.float32]:
        """(n, d) float64 -> (n,) or (n, k) float32."""
        size = self.piece_rows
        pieces = [self.session.run([PREDICTION], {RAW: raw[at : at + size]})[0] for at in range(0, len(raw), size)]
        answer: NDArray[np.float32] = np.concatenate(pieces)
        return answer

    def _check_golden_rows(self) -> None:
        examples, scale = self.card.examples, self.card.target.scale
        answer = self._predict(code_natural(self.card.raw_features, examples.raw[:GOLDEN_ROWS]))
        expected = np.array(examples.prediction[:GOLDEN_ROWS])
        agree = answer.shape == expected.shape
        if not agree or not (np.abs(answer - expected) <= PARITY_TOLERANCE * (scale + np.abs(expected))).all():
            raise TrainingError(
                f"release {self.card.release}: '{self.card.architecture}' must answer its card's example rows as the "
                "card says, however: it does not. Train again with: python -m training"
            )

    def _check_finite(
        self, predictions: NDArray[np.float32], raw: NDArray[np.float64], file: ScoredFile, rows_before: int
    ) -> None:
        finite = np.isfinite(predictions)
        if finite.all():
            return
        row = int((~finite.reshape(len(raw), -1).all(axis=1)).argmax())
        column, value = _farthest(self.card, raw[row])
        raise UserError(
            f"{file.place(rows_before + row)}: its answer must be finite, however: it overflows, and {quoted(column)} "
            f"lies farthest from what training saw, at {value:g}. Correct it, or give --out-of-range clip."
        )


def _farthest(card: ModelCard, row: NDArray[np.float64]) -> tuple[str, float]:
    """Return the number that lies farthest outside its range, and its column's name."""
    low = np.array([feature.minimum for feature in card.raw_features])
    span = np.maximum([feature.maximum for feature in card.raw_features] - low, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        place = int(np.nan_to_num(np.abs((row - low) / span)).argmax())
    return card.raw_features[place].name, float(row[place])
