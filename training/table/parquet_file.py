"""The columns of a Parquet file, block by block, as numbers and words: what its types mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from service.contract.policies import BLANKS
from training.errors import UserError, quoted, write_option
from training.table.cells import CellRules, lose_digits
from training.table.formats import unreadable
from training.table.values import ReadOptions

BLOCK_ROWS = 2**16
BLOCK_VALUES = 2**21
"""Of a block whose rows are wide: 16 MB of numbers."""
BUFFER_BYTES = 2**18
"""Read at a time of each column. By itself pyarrow holds whole row groups (26: ``pre_buffer`` is on), of which some
writers make one of all rows: 366 MB of 2,000,000 rows of 20 numbers, where it takes 60 so."""


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file whose columns can be read. Its columns are numbered in their order."""

    path: Path
    names: list[str]
    rules: CellRules
    decimal_given: bool
    """Whether the decimal sign of numbers among words is the user's word."""
    found: str = "Parquet"

    def blocks(self, columns: list[int]) -> Iterator[pa.RecordBatch]:
        """Yield rows, in columns named by their numbers."""
        try:
            with pa.parquet.ParquetFile(self.path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                fields = file.schema_arrow.names
                wanted = None if len(columns) == len(fields) else [fields[column] for column in columns]
                rows = min(BLOCK_ROWS, max(1, BLOCK_VALUES // len(columns)))
                for block in file.iter_batches(rows, columns=wanted, use_threads=False):
                    arrays = [block.column(block.schema.get_field_index(fields[column])) for column in columns]
                    yield pa.record_batch(arrays, names=[str(column) for column in columns])
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self.path, error) from error

    def count_rows(self) -> int:
        """Return how many rows it says it has."""
        try:
            return int(pa.parquet.read_metadata(self.path).num_rows)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(self.path, error) from error

    def numbers(self, cells: pa.Array) -> pa.Array | None:
        """Return the cells as float64, null where they are missing; None where they are not all numbers."""
        plain = _decoded(cells)
        if pa.types.is_null(plain.type):
            return plain.cast(pa.float64())
        if not _holds_numbers(plain.type):
            return None
        numbers = pc.cast(plain, pa.float64(), safe=False)
        numbers = self.rules.without_missing_numbers(pc.if_else(pc.is_nan(numbers), None, numbers))
        if pc.any(pc.is_inf(numbers), min_count=0).as_py():
            return None
        if not pa.types.is_floating(plain.type) and lose_digits(plain, numbers):
            return None
        return numbers

    def padded_row(self, cells: pa.Array) -> None:
        """Return None: numbers are no text."""

    def words(self, cells: pa.Array) -> pa.DictionaryArray:
        """Return the cells as words, null where they are missing."""
        plain = _decoded(cells)
        if pa.types.is_timestamp(plain.type):
            plain = plain.cast(pa.timestamp(plain.type.unit))  # in UTC: to write a zone's time takes a database
        elif pa.types.is_duration(plain.type):
            plain = pc.binary_join_element_wise(plain.cast(pa.int64()).cast(pa.string()), plain.type.unit, " ")
        elif pa.types.is_float16(plain.type):
            plain = plain.cast(pa.float64())
        return self.rules.words(plain.cast(pa.string())).dictionary_encode()

    def place(self, row: int) -> str:
        """Name a row, counted from 0."""
        return f"row {row + 1}"


def open_parquet(path: Path, options: ReadOptions, rules: CellRules) -> ParquetFile:
    """Look at a Parquet file's columns. Raise UserError for one that holds neither numbers nor words."""
    try:
        schema = pa.parquet.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    if not schema.names:
        raise UserError(f"{path.name}: a table must have columns, however: it has none. Give another file.")
    for field in schema:
        name = field.name.strip(BLANKS)
        if options.wants(name) and not _can_be_read(field.type):
            raise UserError(
                f"{path.name}: a column must hold numbers, words, or true and false, however: {quoted(name)} is "
                f"of type {quoted(str(field.type))}. Give {write_option('--drop', name)}, or spread it over columns."
            )
    names = [name.strip(BLANKS) for name in schema.names]
    return ParquetFile(path, names, rules, decimal_given=options.decimal is not None)


def _decoded(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


def _holds_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _can_be_read(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _can_be_read(kind.value_type)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    simple = pa.types.is_boolean(kind) or pa.types.is_temporal(kind) or pa.types.is_null(kind)
    return bool(text or simple or _holds_numbers(kind))
