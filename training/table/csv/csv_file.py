"""The rows of a CSV file, block by block: pyarrow reads them, and a row that it can't read is named by its line."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.csv

from service.contract.policies import BLANKS
from training.errors import UserError, quoted
from training.table.cells import CellRules, contains
from training.table.csv.charset import LATIN_1, refuse_control_characters, undecodable
from training.table.csv.lines import Record, number_records
from training.table.csv.look import Look, separator_name
from training.table.formats import HEAD_BYTES, open_bytes, unreadable

BLOCK_BYTES = 2**20
"""Read at a time. A row must fit; twice as much reads no faster and takes more memory."""
BYTES_FOR_EACH_COLUMN = 1024
"""What a block has more for each column, so that one of 20,000 columns has some rows as well."""
NO_ROWS = "Empty CSV file"
"""pyarrow's words where nothing comes behind the header."""
ROW_BEYOND_BLOCK = "straddling object straddles two block boundaries"
"""pyarrow's words where a row is longer than a block."""
INVALID_TEXT = "invalid UTF8 data"
"""pyarrow's words where bytes are no text."""
NEVER_CLOSED = "unexpected end of data"
"""The csv module's words where a quote is open at the end of the file."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that was looked at. Its columns are numbered in their order."""

    look: Look
    names: list[str]
    rules: CellRules
    dropped: list[int]
    """Columns that are not wanted, but looked into for quotes out of place."""
    decimal_given: bool
    """Whether the decimal sign is the user's word."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.look.path

    @property
    def found(self) -> str:
        """What the file was found to be."""
        decimal = ', decimal ","' if self.rules.decimal == "," else ""
        return self.look.found + decimal

    def blocks(self, columns: list[int]) -> Iterator[pa.RecordBatch]:
        """Yield rows as text, in columns named by their numbers. Raise UserError for a row that can't be read."""
        refused: list[tuple[int, int]] = []
        skipped = 0

        def decide(row: pa.csv.InvalidRow) -> str:
            nonlocal skipped
            if row.actual_columns == 1 and not row.text.strip(BLANKS):
                skipped += 1
                return "skip"
            refused.append((row.number - 1 - skipped, row.actual_columns))
            return "error"

        names = list(dict.fromkeys(str(column) for column in [*columns, *self.dropped]))
        options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=names)
        parsing = pa.csv.ParseOptions(
            delimiter=self.look.separator,
            quote_char=self.look.quote,
            newlines_in_values=True,
            invalid_row_handler=decide,
        )
        try:
            with open_bytes(self.look.path, self.look.compression) as stream:
                stream.read(self.look.skipped_bytes)
                for block in pa.csv.open_csv(stream, self._reading(), parsing, options):
                    for column in self.dropped:
                        self._check_quoting(block.column(str(column)))
                    yield block
        except UnicodeDecodeError as error:
            raise self._undecodable() from error
        except (pa.ArrowInvalid, OSError) as error:
            if refused:
                raise self._ragged(*refused[0]) from error
            if NO_ROWS in str(error):
                return
            raise self._explained(error) from error

    def count_rows(self) -> float:
        """Return about how many rows it has, from the length of its first ones."""
        with open_bytes(self.look.path, self.look.compression) as stream:
            head = stream.read(HEAD_BYTES)
            length = self.look.path.stat().st_size
            if self.look.compression:
                length = len(head)
                while data := stream.read(HEAD_BYTES):
                    length += len(data)
        return float(length / len(head) * head.count(b"\n"))

    def numbers(self, cells: pa.Array) -> pa.Array | None:
        """Return the cells as float64, null where they are missing; None where they are not all numbers."""
        return self.rules.numbers(cells)

    def padded_row(self, cells: pa.Array) -> int | None:
        """Return the place of the first whole number with zeros in front, None where there is none."""
        return self.rules.padded_row(cells)

    def words(self, cells: pa.Array) -> pa.DictionaryArray:
        """Return the cells as words, null where they are missing. Raise UserError for quotes out of place."""
        encoded = cells.dictionary_encode()
        self._check_quoting(encoded.dictionary)
        if self.look.encoding == LATIN_1:
            refuse_control_characters(self.look.path, encoded.dictionary.to_pylist(), self.look.encoding)
        return self.rules.words(encoded.dictionary).take(encoded.indices).dictionary_encode()

    def check_head(self) -> None:
        """Raise UserError for a quote out of place in the first rows, where it may leave no trace in what is read."""
        with self._text() as text:
            head = io.StringIO(text.read(HEAD_BYTES), newline="")
        if self.look.quote in head.getvalue() and (fault := self._find_quote_fault(head, whole=False)):
            raise fault

    def place(self, row: int) -> str:
        """Name the line on which a row, counted from 0, begins."""
        with self._text() as text:
            record = next(islice(self._rows(text), row, None), None)
        return f"line {record.line}" if record else f"row {row + 1}"

    def _reading(self) -> pa.csv.ReadOptions:
        columns = len(self.names)
        return pa.csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK_BYTES + columns * BYTES_FOR_EACH_COLUMN,
            encoding="utf8" if self.look.encoding == "utf-8" else self.look.encoding,
            column_names=[str(column) for column in range(columns)],
        )

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        """Open the text behind the header."""
        with open_bytes(self.look.path, self.look.compression) as stream:
            stream.read(self.look.skipped_bytes)
            yield io.TextIOWrapper(stream, self.look.encoding, errors="replace", newline="")

    def _rows(self, text: Iterable[str], *, strict: bool = False) -> Iterator[Record]:
        records = number_records(
            text,
            separator=self.look.separator,
            quote=self.look.quote,
            lines_before=self.look.skipped_lines,
            strict=strict,
        )
        return (record for record in records if record.cells and not (record.blank and len(self.names) > 1))

    def _check_quoting(self, cells: pa.Array) -> None:
        """Raise UserError where a quote that is out of place has made a cell of several, or a part of one."""
        quote = self.look.quote
        if any(contains(cells, sign) for sign in ("\n", "\r", quote)) and self._quote_fault:
            raise self._quote_fault
        if contains(cells, " " + quote):
            self._check_blanks_before_quotes(cells)

    @cached_property
    def _quote_fault(self) -> UserError | None:
        """The error for a quote that does not stand around a whole cell, where there is one. It takes a second pass."""
        with self._text() as text:
            return self._find_quote_fault(text)

    def _find_quote_fault(self, text: TextIO, *, whole: bool = True) -> UserError | None:
        """Look for it in a text. whole: whether the text ends where the file does."""
        line = self.look.skipped_lines + 1
        try:
            for record in self._rows(self._without_blanks_behind_quotes(text), strict=True):
                line = record.last_line + 1
        except csv.Error as error:
            never_closed = str(error) == NEVER_CLOSED
            fact = "is not closed" if never_closed else "is closed within a cell"
            if whole or not never_closed:
                return UserError(
                    f"{self.look.path.name}: quotes must stand around whole cells, however: one that is opened in line "
                    f"{line} or below {fact}. Close it behind its cell, or double a quote that belongs to the cell."
                )
        return None

    def _without_blanks_behind_quotes(self, text: TextIO) -> Iterator[str]:
        """Yield the lines; blanks between a closing quote and what follows the cell change no value."""
        quote, separator = re.escape(self.look.quote), re.escape(self.look.separator)
        inner = "".join(sign for sign in BLANKS if sign not in {"\r", "\n", self.look.separator})
        blanks = re.compile(rf"(?<={quote})[{inner}]+(?={separator}|[\r\n]|$)")
        return (blanks.sub("", line) for line in text)

    def _check_blanks_before_quotes(self, cells: pa.Array) -> None:
        for cell in cells.to_pylist():
            if cell is not None and cell[:1] in {" ", "\t"} and cell.lstrip(BLANKS).startswith(self.look.quote):
                raise UserError(
                    f"{self.look.path.name}: a quote must directly follow {separator_name(self.look.separator)}, "
                    f"however: a cell is {quoted(cell)}. Remove the blanks in front of quotes."
                )

    def _ragged(self, row: int, cells: int) -> UserError:
        with self._text() as text:
            record = next(islice(self._rows(text), row, None), None)
        if record and record.last_line > record.line and self._quote_fault:
            return self._quote_fault
        return UserError(
            f"{self.look.path.name}: each row must have {len(self.names)} cells separated by "
            f"{separator_name(self.look.separator)}, as the first line has, however: {self.place(row)} has {cells}. "
            "Mend it, name all columns, put cells that hold the separator in quotes, or give the right --separator."
        )

    def _undecodable(self) -> UserError:
        decoder = codecs.getincrementaldecoder(self.look.encoding)()
        lines = 0
        with open_bytes(self.look.path, self.look.compression) as stream:
            while True:
                data = stream.read(BLOCK_BYTES)
                try:
                    lines += decoder.decode(data, final=not data).count("\n")
                except UnicodeDecodeError as error:
                    return undecodable(self.look.path, error, lines_before=lines)
                if not data:
                    return unreadable(self.look.path, ValueError("its text can't be decoded"))

    def _explained(self, error: Exception) -> UserError:
        if INVALID_TEXT in str(error):
            return self._undecodable()
        if ROW_BEYOND_BLOCK in str(error):
            return self._quote_fault or UserError(
                f"{self.look.path.name}: a row must fit {self._reading().block_size:,} bytes, however: one is longer. "
                "Shorten its cells, or delete the column of long texts."
            )
        return unreadable(self.look.path, error)
