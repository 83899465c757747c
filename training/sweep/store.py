"""The folder of a sweep: one Parquet file a point, written beside and renamed into place, and ``curve.json``."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from pydantic import ValidationError

from service.contract.card import Frozen, Metrics
from service.contract.curve import CURVE_FILE, LATENCY_ROWS, Curve, CurvePoint, Machine, Memory, Shape
from service.contract.names import Task
from training.errors import TrainingError, UserError
from training.whole_file import DRAFT, take_lock, write_durably

POINTS = "points"
LOCK_FILE = ".lock"
METADATA = b"archscale"
"""Key of what is said of a point beside its columns: ``Origin``, as JSON."""

FLOAT, WHOLE, SECONDS = pa.float64(), pa.int64(), pa.list_(pa.float64())
SCHEMA = pa.schema(
    [
        *[(name, WHOLE) for name in ("depth", "width")],
        ("name", pa.string()),
        *[(name, WHOLE) for name in ("rows", "seed", "weights", "bytes")],
        *[(name, FLOAT) for name in Metrics.model_fields],
        *[(name, WHOLE) for name in ("epochs", "threads")],
        *[(name, SECONDS) for name in ("wall_seconds", "processor_seconds")],
        ("disturbed", pa.bool_()),
        *[(name, WHOLE) for name in Memory.model_fields],
        *[(f"latency_seconds_{rows}", FLOAT) for rows in LATENCY_ROWS],
        ("row_scores", pa.list_(pa.float32())),
    ]
)

Key = tuple[int, int, int, int]
"""Depth, width, rows and seed: what makes two points the same."""


WORDS = {
    "version": "version",
    "source": "the table",
    "task": "a",
    "target": "the target",
    "first_seed": "--seed",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "test_fraction": "--test-fraction",
}
"""How a message calls the fields of ``Conditions``."""


class Conditions(Frozen):
    """What all points of a folder have in common; with another one they could not be compared."""

    version: str
    """Of archscale."""
    source: str
    task: Task
    target: str
    first_seed: int
    """Whose table ``fingerprint`` is of."""
    fingerprint: str
    epochs: int
    batch_size: int | None
    learning_rate: float | None
    test_fraction: float


class Origin(Frozen):
    """What a point's file says of where it came from."""

    conditions: Conditions
    machine: Machine


@dataclass(frozen=True)
class StoredPoint:
    """A point, its held-out rows' scores (n,), and where it was measured.

    row_scores: 1 and 0, right and wrong, for classes; negative squared error in standard deviations of the target for a
    number.
    """

    point: CurvePoint
    row_scores: NDArray[np.float32]
    machine: Machine


def key_of(shape: Shape, *, rows: int, seed: int) -> Key:
    """Return what makes two points the same."""
    return shape.depth, shape.width, rows, seed


class SweepFolder:
    """The results of one sweep."""

    def __init__(self, folder: Path, conditions: Conditions) -> None:
        self.folder, self.points, self.conditions = folder, folder / POINTS, conditions

    def read(self) -> dict[Key, StoredPoint]:
        """Return the points that are there. Raise UserError where one is of another version, table or recipe."""
        found = {}
        with _one_line_errors(self.folder):
            for left in self.points.glob(f"*{DRAFT}"):
                left.unlink()
            for path in sorted(self.points.glob("*.parquet")):
                stored = self._read_point(path)
                found[key_of(stored.point.shape, rows=stored.point.rows, seed=stored.point.seed)] = stored
        return found

    def add(self, stored: StoredPoint) -> None:
        """Write one more point. Raise TrainingError where there is no room, and leave nothing half written."""
        origin = Origin(conditions=self.conditions, machine=stored.machine)
        metadata = {METADATA: origin.model_dump_json().encode()}
        table = pa.Table.from_pylist([_to_row(stored)], schema=SCHEMA.with_metadata(metadata))
        content = io.BytesIO()
        pa.parquet.write_table(table, content, compression="zstd")
        point = stored.point
        self._write(self.points / f"{point.shape}-{point.rows}-{point.seed}.parquet", content.getvalue())

    def write_curve(self, curve: Curve) -> Path:
        """Write ``curve.json`` and return where it is."""
        path = self.folder / CURVE_FILE
        self._write(path, curve.model_dump_json(indent=1, exclude_none=True).encode() + b"\n")
        return path

    def _write(self, path: Path, content: bytes) -> None:
        with _one_line_errors(self.folder):
            write_durably(path, lambda draft: draft.write_bytes(content))

    def _read_point(self, path: Path) -> StoredPoint:
        try:
            table = pa.parquet.read_table(path)
            origin = Origin.model_validate_json((table.schema.metadata or {})[METADATA])
            (row,) = table.to_pylist()
            self._check(path, origin.conditions)
            scores = table["row_scores"].combine_chunks().flatten().to_numpy()
            return StoredPoint(point=_from_row(row), row_scores=scores, machine=origin.machine)
        except (pa.ArrowException, KeyError, ValueError, ValidationError) as error:
            raise UserError(
                f"{self.folder} must hold results of this version alone, however: {POINTS}/{path.name} can't be "
                f"read as one ({type(error).__name__}). Delete that file, or give another --output."
            ) from error

    def _check(self, path: Path, conditions: Conditions) -> None:
        for field in Conditions.model_fields:
            there, here = getattr(conditions, field), getattr(self.conditions, field)
            if there != here:
                another = "another table" if field == "fingerprint" else f"{WORDS[field]} {there}, not {here}"
                raise UserError(
                    f"{self.folder} must hold results of one version, table and recipe, however: {POINTS}/{path.name} "
                    f"is of {another}. Give another --output."
                )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other sweeps out of it. Raise UserError where one is at work there."""
    with _one_line_errors(folder):
        (folder / POINTS).mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_FILE).open("a")
    with file:
        if not take_lock(file):
            raise UserError(
                f"{folder} must belong to one sweep at a time, however: another one is at work there. Wait for it, or "
                "give another --output."
            )
        yield


@contextmanager
def _one_line_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{folder} must take the results, however: {error.strerror or error}. Make room and run the same command "
            "again: what is finished is kept."
        ) from error


def _to_row(stored: StoredPoint) -> dict[str, object]:
    point = stored.point
    return {
        **point.model_dump(exclude={"shape", "test", "memory", "latency_seconds"}),
        **point.shape.model_dump(),
        **point.test.model_dump(),
        **point.memory.model_dump(),
        **{f"latency_seconds_{rows}": seconds for rows, seconds in point.latency_seconds.items()},
        "row_scores": stored.row_scores,
    }


def _from_row(row: Mapping[str, object]) -> CurvePoint:
    def part(model: type[Frozen]) -> dict[str, object]:
        return {name: row[name] for name in model.model_fields}

    nested = {"shape": part(Shape), "test": part(Metrics), "memory": part(Memory)}
    latency = {rows: row[f"latency_seconds_{rows}"] for rows in LATENCY_ROWS}
    plain = {name: row[name] for name in CurvePoint.model_fields if name in row}
    return CurvePoint.model_validate({**plain, **nested, "latency_seconds": latency})
