"""Reading a table: a file to columns of numbers and of words. Nothing is decided about what they mean."""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.errors import UserError, quoted
from training.table.cells import CellRules
from training.table.csv.csv_file import CsvFile
from training.table.points import check_decimal_sign, check_points
from training.table.table_files import TableFiles, open_table
from training.table.values import ColumnValues, ReadOptions, ReadTable


@dataclass
class Gathered:
    """What came of a column so far: numbers, until a block holds something else; then it is read again, as words."""

    numbers: "array[float] | None" = field(default_factory=lambda: array("d"))
    words: list[pa.DictionaryArray] = field(default_factory=list)
    again: bool = False
    padded_row: int | None = None


def read(path: Path, options: ReadOptions) -> ReadTable:
    """Read a file, those of a folder, or those that fit a pattern.

    Raise UserError with one line for a file, a name or a row that can't be read or is in doubt.

    A CSV column is one of numbers where each cell that is not missing is a number by the rule of ``CellRules``; where
    none is there at all, NaNs. Otherwise it is one of words, in which each stands as the file has it, without the
    blanks around it. So are whole numbers that float64 would round, and infinities, that whoever uses the column may
    name them, and so is each column that ``options.text`` names. In a Parquet file types decide: numbers, except for
    those two; words; and 'true', 'false', dates and times as words. A last column without name and values is left out.
    """
    return read_files(open_table(path, options), options)


def read_files(files: TableFiles, options: ReadOptions) -> ReadTable:
    """Read files that are open: see ``read``."""
    columns, text = wanted_columns(files, options)
    rows, gathered = _gather(files, columns, text)
    read_in = {column: _finish(files.names[column], gathered.pop(column)) for column in columns}
    pa.default_memory_pool().release_unused()  # what the reader's blocks took: 50 MB of a large file
    return assemble_table(files, read_in, rows=rows, place=files.place, options=options)


def wanted_columns(files: TableFiles, options: ReadOptions) -> tuple[list[int], set[int]]:
    """Return the columns to read, and those of them that are words whatever they hold."""
    wanted = [column for column, name in enumerate(files.names) if not name or options.wants(name)]
    if not wanted:
        raise UserError(f"{files.name}: a table must have columns, however: --drop leaves none. Drop fewer.")
    return wanted, {column for column in wanted if files.names[column] in options.text and files.is_csv}


def assemble_table(
    files: TableFiles,
    read_in: Mapping[int, ColumnValues],
    *,
    rows: int,
    place: Callable[[int], str],
    options: ReadOptions,
) -> ReadTable:
    """Make a table of the columns that were read, by their numbers. Raise UserError for what is in doubt.

    place: names a row of these.
    """
    if rows == 0:
        raise UserError(f"{files.name}: a table must have rows, however: it has a header alone. Add rows.")
    columns: dict[int, ColumnValues] = {}
    for column, name in enumerate(files.names):
        values = read_in.get(column, ColumnValues(name))
        if not name:
            _refuse_unnamed(files.name, values, place)
            continue
        if name not in options.text:
            check_decimal_sign(files, values, place)
        columns[column] = values
    if isinstance(files.first, CsvFile):
        if files.first.look.header:
            _refuse_repeated_header(files.first, list(columns.values()), source=files.name, place=place)
        check_points(files, columns)
    empty = len(files.names) - len(columns)
    return ReadTable(
        source=files.name,
        found=files.found + (f", {empty} empty at the end left out" if empty else ""),
        rows=rows,
        columns=list(columns.values()),
        place=place,
        decimal=options.decimal or ".",
    )


def _gather(source: TableFiles, columns: list[int], text: set[int]) -> tuple[int, dict[int, Gathered]]:
    """Read columns, and those that turn out to be words after some blocks once more. Return the number of rows, too.

    text: those that are words whatever they hold.
    """
    rows = 0
    gathered = {column: Gathered(numbers=None) if column in text else Gathered() for column in columns}
    for block in source.blocks(columns):
        rows += block.num_rows
        for column, parts in gathered.items():
            _add(source, parts, block.column(str(column)))
    again = [column for column, parts in gathered.items() if parts.again]
    for block in source.blocks(again) if again else ():
        for column in again:
            gathered[column].words.append(source.words(block.column(str(column))))
    return rows, gathered


def _add(source: TableFiles, parts: Gathered, cells: pa.Array) -> None:
    if parts.numbers is not None:
        numbers = source.numbers(cells)
        if numbers is not None:
            if parts.padded_row is None and (place := source.padded_row(cells)) is not None:
                parts.padded_row = len(parts.numbers) + place
            parts.numbers.frombytes(numbers.to_numpy(zero_copy_only=False).view(np.uint8))
            return
        parts.again = len(parts.numbers) > 0
        parts.numbers = None
    if not parts.again:
        parts.words.append(source.words(cells))


def _finish(name: str, parts: Gathered) -> ColumnValues:
    if parts.numbers is not None:
        return ColumnValues(name, numbers=np.frombuffer(parts.numbers), padded_row=parts.padded_row)
    return ColumnValues(name, words=pa.chunked_array(parts.words).unify_dictionaries().combine_chunks())


def _refuse_repeated_header(
    file: CsvFile, columns: list[ColumnValues], *, source: str, place: Callable[[int], str]
) -> None:
    """Raise UserError for a row in which each of several columns holds its own name, as where files were joined."""
    read_in = [column for column in columns if column.words is not None or column.numbers is not None]
    if len(read_in) < 2:
        return
    again = np.array(True)
    for column in read_in:
        again = again & _holds_its_name(column, file.rules)
        if not again.any():
            return
    raise UserError(
        f"{source}: the header must stand once, however: {place(int(np.argmax(again)))} repeats it "
        f"({quoted(file.look.separator.join(file.look.names))}). Delete that line, or give "
        "--no-header where the first line is data as well."
    )


def _holds_its_name(column: ColumnValues, rules: CellRules) -> NDArray[np.bool_]:
    """Say of each value whether it is the column's name; of none at once where that is none of the values."""
    if column.numbers is not None:
        named = float(column.name.replace(",", ".")) if rules.is_number(column.name) else np.nan
        return np.asarray(column.numbers == named)
    assert column.words is not None
    code = pc.index(column.words.dictionary, value=column.name).as_py()
    if code < 0:
        return np.array(False)
    holds: NDArray[np.bool_] = pc.fill_null(pc.equal(column.words.indices, code), False).to_numpy(zero_copy_only=False)
    return holds


def _refuse_unnamed(source: str, column: ColumnValues, place: Callable[[int], str]) -> None:
    """Raise UserError where a column without a name holds something."""
    if column.words is not None:
        row = pc.index(column.words.is_valid(), value=True).as_py()
        value = column.words[row].as_py()
    else:
        assert column.numbers is not None
        present = np.flatnonzero(~np.isnan(column.numbers))
        if not present.size:
            return
        row = int(present[0])
        value = f"{column.numbers[row]:g}"
    raise UserError(
        f"{source}: each column must have a name, however: one at the end has none, and {place(row)} holds "
        f"{quoted(value)} in it. Name it, or delete the column."
    )
