"""Where predictions are written: Parquet or CSV by the name of the file, which appears once it is whole."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from service.contract.card import ModelCard
from service.contract.names import PREDICTION
from training.errors import TrainingError, UserError, first_line, quoted
from training.table.files import CSV_ENDING
from training.table.formats import PARQUET_ENDINGS
from training.whole_file import DRAFT, force

LABEL = "label"
ROW_GROUP_ROWS = 2**18
ROW_GROUP_BYTES = 2**25
"""A row group is written once it has so many rows or bytes: kept columns may be wide."""


def is_table_name(path: Path) -> bool:
    """Whether a path names a file that can be written."""
    return path.suffix.lower() in {CSV_ENDING, *PARQUET_ENDINGS}


def prediction_names(card: ModelCard) -> list[str]:
    """Return the names of the columns of predictions: one, or one for each of several classes, and the label's."""
    classes = card.target.classes
    numbers = [PREDICTION] if card.target.outputs == 1 else [f"{PREDICTION}:{label}" for label in classes]
    return numbers + ([LABEL] if classes else [])


def check_kept(keep: Sequence[str], card: ModelCard) -> None:
    """Raise UserError for a kept column that has the name of a column of predictions."""
    for name in prediction_names(card):
        if name in keep:
            raise UserError(
                f"--keep must not name a column of predictions, however: {quoted(name)}. Rename that column in --data."
            )


def prediction_columns(predictions: NDArray[np.float32], card: ModelCard) -> list[pa.Array]:
    """Return the columns that ``prediction_names`` names. predictions: (n,), or (n, k) for k > 2 classes.

    The label is the second of two classes from the card's threshold on, the likeliest of several.
    """
    if predictions.ndim > 1:
        numbers = [pa.array(np.ascontiguousarray(column)) for column in predictions.T]
        places = predictions.argmax(axis=1)
    else:
        numbers = [pa.array(predictions)]
        places = predictions.astype(np.float64) >= card.target.threshold
    if not card.target.classes:
        return numbers
    labels = pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), pa.array(card.target.classes))
    return [*numbers, labels]


def unfinished_path(path: Path) -> Path:
    """Return where an output is written before it gets its name: beside it, hidden from readers of the folder."""
    return path.with_name(f".{path.name}{DRAFT}")


def publish(path: Path) -> None:
    """Give an output that was written whole its name. Raise TrainingError where that can't be done."""
    try:
        os.replace(unfinished_path(path), path)
        force(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error


class Output:
    """Takes rows as they come, and writes them to ``unfinished_path``."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path, self.names = path, names
        self.unfinished = unfinished_path(path)
        self.waiting: list[pa.RecordBatch] = []
        self.writer: pa.parquet.ParquetWriter | pa.csv.CSVWriter | None = None
        self.file: pa.OSFile | None = None

    def add(self, columns: list[pa.Array]) -> None:
        """Add rows: a column for each name."""
        self.waiting.append(pa.record_batch(columns, names=self.names))
        rows = sum(batch.num_rows for batch in self.waiting)
        if rows >= ROW_GROUP_ROWS or sum(batch.nbytes for batch in self.waiting) >= ROW_GROUP_BYTES:
            self.write()

    def write(self) -> None:
        """Write the rows that wait."""
        if not self.waiting:
            return
        table = pa.Table.from_batches(self.waiting)
        self.waiting = []
        if self.writer is None:
            self.file = pa.OSFile(str(self.unfinished), "wb")
            if self.path.suffix.lower() == CSV_ENDING:
                self.writer = pa.csv.CSVWriter(self.file, table.schema)
            else:
                again = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
                self.writer = pa.parquet.ParquetWriter(self.file, table.schema, use_dictionary=again)
        self.writer.write_table(table)

    def finish(self) -> None:
        """Write all, and force it to the disk."""
        self.write()
        self.close()
        force(self.unfinished)

    def close(self) -> None:
        """Close the file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None
        if self.file is not None:
            self.file.close()
            self.file = None


@contextmanager
def opened_output(path: Path, names: list[str]) -> Iterator[Output]:
    """Give an output, to be finished inside. What is not finished is removed.

    Raise TrainingError where it can't be written, UserError for a kept column that its format has no place for.
    """
    output = Output(path, names)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield output
        output.finish()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        _remove(output)
        raise UserError(
            f"{path.name}: columns of --keep must be of types that {path.suffix} holds, however: {first_line(error)}. "
            "Keep fewer, or write Parquet."
        ) from error
    except OSError as error:
        _remove(output)
        raise unwritable(path, error) from error
    except BaseException:
        _remove(output)
        raise


def unwritable(path: Path, error: OSError) -> TrainingError:
    """Return the error for a file of a folder of outputs, or an output, that can't be written."""
    reason = os.strerror(error.errno) if error.errno else first_line(error)  # Arrow's text has more
    return TrainingError(
        f"{quoted(str(path))} must be writable, however: {reason}. Free space there and run again: what is finished is "
        "kept."
    )


def _remove(output: Output) -> None:
    """Close and remove what is not finished. Closing writes the rest, which may find no room either."""
    with suppress(OSError, pa.ArrowException):
        output.close()
    with suppress(OSError):
        output.unfinished.unlink(missing_ok=True)
