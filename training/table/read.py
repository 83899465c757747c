"""Reading a table: a file to columns of numbers and of words. Nothing is decided about what they mean."""

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.errors import UserError, quoted, write_option
from training.table.cells import CellRules
from training.table.csv_file import CsvFile
from training.table.formats import recognise
from training.table.look import look
from training.table.parquet_file import ParquetFile, open_parquet
from training.table.points import check_points
from training.table.values import ColumnValues, ReadOptions, ReadTable

UNNAMED_FIRST = "Unnamed: 0"
"""pandas' name for a first column without one, as it writes its row numbers."""
Source = CsvFile | ParquetFile
"""A file whose columns, numbered in their order, can be read block by block, and again."""


@dataclass
class Gathered:
    """What came of a column so far: numbers, until a block holds something else; then it is read again, as words."""

    numbers: "array[float] | None" = field(default_factory=lambda: array("d"))
    words: list[pa.DictionaryArray] = field(default_factory=list)
    again: bool = False
    padded_row: int | None = None


def read(path: Path, options: ReadOptions) -> ReadTable:
    """Read ``path``. Raise UserError with one line for a file, a name or a row that can't be read or is in doubt.

    A CSV column is one of numbers where each cell that is not missing is a number by the rule of ``CellRules``; where
    none is there at all, NaNs. Otherwise it is one of words, in which each stands as the file has it, without the
    blanks around it. So are whole numbers that float64 would round, and infinities, that whoever uses the column may
    name them, and so is each column that ``options.text`` names. In a Parquet file types decide: numbers, except for
    those two; words; and 'true', 'false', dates and times as words. A last column without name and values is left out.
    """
    source = open_source(path, options)
    names = source.names
    wanted = [column for column, name in enumerate(names) if not name or options.wants(name)]
    if not wanted:
        raise UserError(f"{path.name}: a table must have columns, however: --drop leaves none. Drop fewer.")
    text = {column for column, name in enumerate(names) if name in options.text and isinstance(source, CsvFile)}
    rows, gathered = _gather(source, wanted, text)
    if rows == 0:
        raise UserError(f"{path.name}: a table must have rows, however: it has a header alone. Add rows.")
    columns: dict[int, ColumnValues] = {}
    for column, name in enumerate(names):
        values = _finish(name, gathered.pop(column)) if column in gathered else ColumnValues(name)
        if name:
            if column not in text:
                source.check(values)
            columns[column] = values
        else:
            _refuse_unnamed(path, values, source)
    if isinstance(source, CsvFile):
        if source.look.header:
            _refuse_repeated_header(source, list(columns.values()))
        check_points(source, columns)
    empty = len(names) - len(columns)
    return ReadTable(
        source=path.name,
        found=source.found + (f", {empty} empty at the end left out" if empty else ""),
        rows=rows,
        columns=list(columns.values()),
        place=source.place,
        decimal=options.decimal or ".",
    )


def open_source(path: Path, options: ReadOptions) -> Source:
    """Look at ``path``. Raise UserError for a file, or for names of columns, that can't be read or are in doubt."""
    if options.decimal not in {None, ".", ","}:
        raise UserError(f"--decimal must be '.' or ',', however: {quoted(str(options.decimal))}. Give one of these.")
    head = recognise(path)
    if head.parquet:
        file = open_parquet(path, options, CellRules(missing=options.missing))
        return replace(file, names=_name_columns(path, file.names, options))
    looked = look(path, head, options)
    names = _name_columns(path, looked.names, options)
    dropped = [column for column, name in enumerate(names) if name and not options.wants(name)]
    rules = CellRules("," if options.decimal == "," else ".", options.missing)
    return CsvFile(looked, names, rules, dropped=dropped, decimal_given=options.decimal is not None)


def _name_columns(path: Path, names: list[str], options: ReadOptions) -> list[str]:
    """Return the names, '' for columns at the end that have none. Raise UserError for those that can't be kept."""
    named = len(names)
    while named > 1 and not names[named - 1]:
        named -= 1
    kept = [names[0] or UNNAMED_FIRST, *names[1:]]
    if "" in kept[:named]:
        raise UserError(
            f"{path.name}: each column must have a name, however: column {kept.index('') + 1} has none. "
            "Name it, or delete the column."
        )
    twice = [name for name, times in Counter(kept[:named]).items() if times > 1 and options.wants(name)]
    if twice:
        raise UserError(
            f"{path.name}: column names must differ, however: {quoted(twice[0])} stands {kept.count(twice[0])} times. "
            f"Rename one, give {write_option('--drop', twice[0])} or, where the first line is data, --no-header."
        )
    return kept


def _gather(source: Source, columns: list[int], text: set[int]) -> tuple[int, dict[int, Gathered]]:
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


def _add(source: Source, parts: Gathered, cells: pa.Array) -> None:
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


def _refuse_repeated_header(file: CsvFile, columns: list[ColumnValues]) -> None:
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
        f"{file.look.path.name}: the header must stand once, however: {file.place(int(np.argmax(again)))} repeats it "
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


def _refuse_unnamed(path: Path, column: ColumnValues, source: Source) -> None:
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
        f"{path.name}: each column must have a name, however: one at the end has none, and {source.place(row)} holds "
        f"{quoted(value)} in it. Name it, or delete the column."
    )
