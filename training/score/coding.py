"""A block of a file -> what the graphs take, by the card and the service's rules: (n, d) float64. Faults are named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.contract.card import Cell, ModelCard, RawFeature
from service.contract.policies import UNKNOWN_CODE
from training.columns.codes import as_numbers, as_words
from training.columns.words import plain_numbers, read_words
from training.errors import UserError, quoted
from training.score.measure.drift import ColumnTally
from training.score.options import Policies
from training.table.open import TableFile
from training.table.values import ColumnValues

Codes = NDArray[np.float64]
Remedy = Callable[[str], str]
"""What to do about a word."""
AS_NUMBERS = ("0", "1")
"""Words of a boolean that training wrote as numbers."""
SHOWN_LEVELS = 5


@dataclass(frozen=True)
class RefusedCell:
    """A cell that the service would refuse. row: counted from the block's first; must, fact, remedy: what is said."""

    row: int
    column: str
    must: str
    fact: str
    remedy: str


@dataclass
class CodedBlock:
    """raw: (n, d) float64. faults: the first of each column that has one."""

    raw: Codes
    faults: list[RefusedCell] = field(default_factory=list)
    out_of_range: int = 0
    unknown: int = 0


def check_numeric(names: Sequence[str], card: ModelCard) -> None:
    """Raise UserError for a name of ``--numeric`` that is neither a column of numbers nor a target of numbers."""
    numbers = {feature.name for feature in card.raw_features if feature.kind == "number"}
    numbers |= set() if card.target.classes else {card.target.name}
    for name in names:
        if name not in numbers:
            raise UserError(
                f"--numeric must name a column that held numbers when release {card.release} was trained, however: "
                f"{quoted(name)} is none. Correct it, or leave it out."
            )


class Coder:
    """Codes blocks of one file after the other."""

    def __init__(self, features: Sequence[RawFeature], *, policies: Policies, numeric: Sequence[str]) -> None:
        self.names = [feature.name for feature in features]
        self.columns = [_Column(feature, policies, words_are_missing=feature.name in numeric) for feature in features]

    def code(self, cells: Sequence[pa.Array], source: TableFile, tallies: Sequence[ColumnTally]) -> CodedBlock:
        """Code a block, a column of cells for each of ``names``, and count its values in ``tallies``."""
        coded = CodedBlock(np.empty((len(cells[0]), len(self.columns))))
        for place, (column, tally) in enumerate(zip(self.columns, tallies, strict=True)):
            codes = column.code(cells[place], source, coded)
            tally.add(codes)
            coded.raw[:, place] = column.screen(codes, coded)
        return coded


class _Column:
    """One column of the card: what its cells may be."""

    def __init__(self, feature: RawFeature, policies: Policies, *, words_are_missing: bool) -> None:
        self.feature, self.policies, self.words_are_missing = feature, policies, words_are_missing
        self.in_numbers = not feature.levels or tuple(feature.levels) == AS_NUMBERS
        self.levels = pa.array(feature.levels, pa.string())
        self.words = {"false": 0.0, "true": 1.0} | {level.lower(): float(at) for at, level in enumerate(feature.levels)}

    def code(self, cells: pa.Array, source: TableFile, coded: CodedBlock) -> Codes:
        """(n,) float64; NaN where a value is missing, and where there is a fault."""
        before = len(coded.faults)
        match self.feature.kind:
            case "number":
                codes = self._code_numbers(cells, source, coded)
            case "boolean":
                codes = self._code_booleans(cells, source, coded)
            case "category":
                codes = self._code_levels(cells, source, coded)
        if not self.feature.missing_share and len(coded.faults) == before:
            gaps = np.isnan(codes)
            if gaps.any():
                fact, remedy = "holds no value, and no row of training lacked one", "Fill it, or leave the row out."
                coded.faults.append(self._fault(int(gaps.argmax()), "have a value", fact, remedy))
        return codes

    def screen(self, codes: Codes, coded: CodedBlock) -> Codes:
        """Count what training never saw; clip it, or name it as a fault, where the policies say so."""
        feature = self.feature
        if feature.kind == "category":
            coded.unknown += int(np.count_nonzero(codes == UNKNOWN_CODE))
        if feature.kind != "number":
            return codes
        outside = int(np.count_nonzero(codes < feature.minimum) + np.count_nonzero(codes > feature.maximum))
        coded.out_of_range += outside
        if outside and self.policies.out_of_range == "clip":
            return np.clip(codes, feature.minimum, feature.maximum)
        if outside and self.policies.out_of_range == "reject":
            row = int(((codes < feature.minimum) | (codes > feature.maximum)).argmax())
            must = f"lie between {feature.minimum:g} and {feature.maximum:g}, as in training"
            remedy = "Correct it, or give --out-of-range allow or clip."
            coded.faults.append(self._fault(row, must, f"holds {codes[row]:g}", remedy))
        return codes

    def _code_numbers(self, cells: pa.Array, source: TableFile, coded: CodedBlock) -> Codes:
        numbers = source.numbers(cells)
        if numbers is not None:
            return _floats(numbers)
        column = ColumnValues(self.feature.name, words=source.words(cells))
        codes = as_numbers(column, decimal=source.rules.decimal)
        if not self.words_are_missing:
            self._refuse(source.words(cells), codes, coded, must="be a number", remedy=self._remedy_for_words)
        return codes

    def _remedy_for_words(self, word: str) -> str:
        return (
            f"Correct it, or give --missing with what stands there where that means no value, or --numeric to take all "
            f"words of {quoted(self.feature.name)} as missing"
            + (", or --decimal where it is a number of another decimal sign." if word[-1:].isdigit() else ".")
        )

    def _code_booleans(self, cells: pa.Array, source: TableFile, coded: CodedBlock) -> Codes:
        numbers = source.numbers(cells) if self.in_numbers else None
        if numbers is not None:
            values = _floats(numbers)
            odd = ~(np.isnan(values) | (values == 0) | (values == 1))
            if odd.any():
                row = int(odd.argmax())
                coded.faults.append(self._fault(row, "be 0 or 1", f"holds {values[row]:g}", "Correct it."))
            return values
        column = source.words(cells)
        words = read_words(column)
        plain = plain_numbers(words.distinct, decimal=source.rules.decimal) if self.in_numbers else None
        code_of = np.array([self.words.get(str(word).lower(), np.nan) for word in words.distinct] + [np.nan])
        if plain is not None:
            zeros_and_ones = (plain == 0) | (plain == 1)
            code_of[:-1][zeros_and_ones] = plain[zeros_and_ones]
        codes = code_of[words.positions]
        shown = " or ".join(quoted(level) for level in self.feature.levels or ("false", "true"))
        self._refuse(column, codes, coded, must=f"be {shown}", remedy=lambda _: "Correct it.")
        return codes

    def _code_levels(self, cells: pa.Array, source: TableFile, coded: CodedBlock) -> Codes:
        # A CSV file's digits stay as they are written; numbers of a Parquet file are written as training wrote them.
        numbers = None if pa.types.is_string(cells.type) else source.numbers(cells)
        name = self.feature.name
        column = source.words(cells) if numbers is None else as_words(ColumnValues(name, numbers=_floats(numbers)))
        words = read_words(column)
        known = pc.index_in(words.distinct.cast(pa.string()), value_set=self.levels)
        code_of = np.append(pc.fill_null(known, int(UNKNOWN_CODE)).to_numpy(), np.nan)
        codes = code_of[words.positions]
        if self.policies.unknown_category == "reject":
            more = len(self.feature.levels) - SHOWN_LEVELS
            shown = ", ".join(quoted(level) for level in self.feature.levels[:SHOWN_LEVELS])
            must = f"hold a level that training saw ({shown}{f' and {more} more' if more > 0 else ''})"
            remedy = "Correct it, or give --unknown-category ignore to take such levels for rare ones."
            seen = np.where(codes == UNKNOWN_CODE, np.nan, codes)
            self._refuse(column, seen, coded, must=must, remedy=lambda _: remedy)
        return codes

    def _refuse(self, words: pa.DictionaryArray, codes: Codes, coded: CodedBlock, *, must: str, remedy: Remedy) -> None:
        """Add a fault where a word has no code, NaN."""
        wrong = (read_words(words).positions >= 0) & np.isnan(codes)
        if wrong.any():
            row = int(wrong.argmax())
            word = words[row].as_py()
            coded.faults.append(self._fault(row, must, f"holds {quoted(word)}", remedy(word)))

    def _fault(self, row: int, must: str, fact: str, remedy: str) -> RefusedCell:
        return RefusedCell(row, self.feature.name, must, fact, remedy)


def _floats(numbers: pa.Array) -> Codes:
    """Return (n,) float64, NaN for null: without a copy where there is none."""
    values: Codes = numbers.to_numpy(zero_copy_only=False)
    return values


def code_natural(features: Sequence[RawFeature], rows: Sequence[Sequence[Cell]]) -> Codes:
    """Return what the graphs take for the natural values of a card's examples: (n, d) float64."""
    return np.array(
        [[_code_cell(feature, cell) for feature, cell in zip(features, row, strict=True)] for row in rows], np.float64
    )


def _code_cell(feature: RawFeature, cell: Cell) -> float:
    if isinstance(cell, str):
        levels = feature.levels if feature.kind == "category" else [level.lower() for level in feature.levels]
        word = cell if feature.kind == "category" else cell.lower()
        return float(levels.index(word)) if word in levels else UNKNOWN_CODE
    return np.nan if cell is None else float(cell)
