"""A table's columns as requests hold them: what a cell may be, and the number that the graphs take for it. Pure."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from service.codec.problems import SHOWN_CHARACTERS, kind_of
from service.contract.card import Cell, ColumnKind, DataSource, RawFeature, Target
from service.contract.policies import BLANKS, MISSING_SPELLINGS, UNKNOWN_CODE, UnknownCategory

MOST_LEVELS = 20
"""Of a category's known levels, so many stand in a refusal."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number in a cell of text: what float() takes beside it (1_000, other digits) training refuses too."""
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
NUMBERS, WORDS = frozenset({int, float}), frozenset({bool, str})
AS_NUMBERS = ("0", "1")
"""Words of a boolean that was written in numbers."""


class Wrong(NamedTuple):
    """What is wrong with a cell: the rule that it breaks, and the fact in words that follow its place."""

    rule: str
    fact: str


@dataclass(frozen=True)
class Column:
    """A column: its cells' codes, and what else a cell may be."""

    name: str
    kind: ColumnKind
    gaps: bool
    """Whether a value may be missing."""
    levels: tuple[str, ...]
    unknown: UnknownCategory
    types: frozenset[type]
    """Of its cells in JSON."""
    codes: Mapping[Cell, float]
    """Boolean and category: cell in JSON -> number. Empty for numbers."""
    words: Mapping[str, float] = field(default_factory=dict)
    """Boolean: its words in lower case -> number, for cells that are text alone."""

    @property
    def in_numbers(self) -> bool:
        """Whether its values are numbers: those of a boolean are 0 and 1 where training had no words for them."""
        return self.kind == "number" or (self.kind == "boolean" and not self.levels)

    def code(self, cell: object) -> float | Wrong:
        """Return the number for a value of JSON."""
        if cell is None:
            return math.nan if self.gaps else Wrong("missing", "is null")
        if self.kind == "category":
            return self._code_level(cell) if isinstance(cell, str) else Wrong("text", f"is {kind_of(cell)}")
        if type(cell) in self.types:
            if self.kind == "number":
                return _finite(float(cell), repr(cell))  # type: ignore[arg-type]
            code = self.codes.get(cell.lower() if isinstance(cell, str) else cell)  # type: ignore[call-overload]
            if code is not None:
                return float(code)
        return Wrong(self.kind, f"is {kind_of(cell)}")

    def code_text(self, cell: str, missing: frozenset[str | float]) -> float | Wrong:
        """Return the number for a cell of text, blanks around it or not. missing: see ``Columns``."""
        if self.kind == "category" and (level := self._find_level(cell)) is not None:
            return self.codes[level]
        cell = cell.strip(BLANKS)
        number = float(cell) if NUMBER.fullmatch(cell) else None
        if cell in missing or number in missing:
            return math.nan if self.gaps else Wrong("missing", f"is {cell!r}")
        if self.kind == "category":
            return self._code_level(cell)
        if self.kind == "number":
            if number is not None:
                return _finite(number, repr(cell[:SHOWN_CHARACTERS]))
            return Wrong("finite" if NOT_FINITE.fullmatch(cell) else "number", f"is {kind_of(cell)}")
        code = self.words.get(cell.lower())
        if code is None and int in self.types and number is not None:
            code = self.codes.get(number)  # pandas writes 0 and 1 with gaps as 0.0 and 1.0
        return Wrong("boolean", f"is {kind_of(cell)}") if code is None else code

    def _find_level(self, cell: str) -> str | None:
        return next((text for text in (cell, cell.strip(BLANKS)) if text in self.codes), None)

    def _code_level(self, text: str) -> float | Wrong:
        code = self.codes.get(text)
        if code is None and self.unknown == "reject":
            return Wrong("category", f"is {kind_of(text)}, and training saw {self.known}")
        return UNKNOWN_CODE if code is None else code

    @property
    def known(self) -> str:
        """The first of its levels, in words."""
        more = len(self.levels) - MOST_LEVELS
        shown = ", ".join(repr(level[:SHOWN_CHARACTERS]) for level in self.levels[:MOST_LEVELS])
        return shown + (f" and {more} more" if more > 0 else "")


def _finite(value: float, written: str) -> float | Wrong:
    return value if math.isfinite(value) else Wrong("finite", f"is {written}")


def make_column(feature: RawFeature, unknown: UnknownCategory, *, gaps: bool) -> Column:
    """Return the column of a card. gaps: whether a value may be missing."""
    codes: dict[Cell, float] = {}
    words: dict[str, float] = {}
    types: frozenset[type] = NUMBERS
    if feature.kind == "category":
        codes = {level: float(code) for code, level in enumerate(feature.levels)}
        types = frozenset({str})
    elif feature.kind == "boolean":
        in_numbers = not feature.levels or tuple(feature.levels) == AS_NUMBERS
        types = WORDS | NUMBERS if in_numbers else WORDS
        words = {level.lower(): float(code) for code, level in enumerate(feature.levels)}
        codes = {False: 0.0, True: 1.0}
        codes.update(words)
        codes.update((level, float(code)) for code, level in enumerate(feature.levels))
        words |= {"false": 0.0, "true": 1.0} | ({"0": 0.0, "1": 1.0} if in_numbers else {})
    if gaps:
        types |= {type(None)}
        codes |= {None: math.nan} if codes else {}
    return Column(feature.name, feature.kind, gaps, tuple(feature.levels), unknown, types, codes, words)


class Columns:
    """The columns of a table in their order, and the names that are none of them, although the table has them."""

    def __init__(
        self,
        features: Iterable[RawFeature],
        *,
        unknown: UnknownCategory = "reject",
        missing: Iterable[str] = MISSING_SPELLINGS,
        outside: Mapping[str, str] | None = None,
        gaps_anywhere: bool = False,
    ) -> None:
        """Take the raw features of a card.

        missing: spellings of no value in a cell of text; a number among them is one however it is written, as training
        has it. outside: name -> why it is no column.
        gaps_anywhere: whether a value may be missing in columns that had no gap in training.
        """
        self.features = tuple(features)
        self.columns = tuple(
            make_column(feature, unknown, gaps=gaps_anywhere or feature.missing_share > 0) for feature in self.features
        )
        self.names = tuple(column.name for column in self.columns)
        self.places = {name: place for place, name in enumerate(self.names)}
        spellings = tuple(missing)
        numbers = (float(word) for word in spellings if NUMBER.fullmatch(word))
        self.missing: frozenset[str | float] = frozenset((*spellings, *numbers))
        """Spellings, and the numbers among them."""
        self.outside = outside or {}
        self.gaps = np.array([column.gaps for column in self.columns])
        self.texts = [column.name for column in self.columns if column.kind == "category"]
        self.booleans = np.flatnonzero([column.kind == "boolean" for column in self.columns])
        self.numbers_alone = all(column.in_numbers for column in self.columns)
        """Whether rows may come as numbers and nothing else: one array."""
        self.takes = tuple((column.types, column.codes) for column in self.columns)
        """Of each column, what its cells may be and their codes."""
        self.pick = _picker(self.names)
        """A record -> its values in the columns' order. Raises KeyError or TypeError where it lacks one."""

    @property
    def plain(self) -> bool:
        """Whether all are numbers, none of which may be missing or written as true and false."""
        return all(column.kind == "number" for column in self.columns) and not self.gaps.any()

    def natural(self, row: Iterable[float]) -> list[Cell]:
        """Numbers that the graphs take -> what a person would write."""
        return [feature.natural(float(code)) for feature, code in zip(self.features, row, strict=True)]


def _picker(names: Sequence[str]) -> Callable[[dict[str, object]], tuple[object, ...]]:
    if len(names) > 1:
        return operator.itemgetter(*names)
    return lambda record: (record[names[0]],)


def make_columns(
    features: Iterable[RawFeature], data: DataSource, target: Target, unknown: UnknownCategory = "reject"
) -> Columns:
    """Return the columns of a card as requests hold them."""
    outside = {left.name: "was left out in training: leave it out" for left in data.left_out}
    outside[target.name] = "is the target: leave it out"
    missing = (*MISSING_SPELLINGS, *data.missing_spellings)
    return Columns(features, unknown=unknown, missing=missing, outside=outside)


def code_examples(features: Iterable[RawFeature], raw: Iterable[Iterable[Cell]]) -> list[list[float]]:
    """Return what the graphs take for a card's natural values.

    Held-out rows may hold what a request may not: a level that training never saw, a gap where training had none.
    """
    columns = Columns(features, unknown="ignore", gaps_anywhere=True).columns
    return [
        [
            UNKNOWN_CODE if isinstance(code := column.code(cell), Wrong) else code
            for column, cell in zip(columns, row, strict=True)
        ]
        for row in raw
    ]
