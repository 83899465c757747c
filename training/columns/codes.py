"""Describe a column as the training rows have it, and code its values as the graphs take them: one float64 each.

scikit-learn, which takes a second and 90 MB to import, is not needed to look at a table.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from service.contract.card import ColumnKind, RawFeature
from service.contract.policies import UNKNOWN_CODE
from training.columns.kinds import boolean_words
from training.columns.words import plain_numbers, read_words
from training.table.values import ColumnValues

RARE_SHARE = 0.01
"""Levels that a smaller share of the training rows has are grouped (``min_frequency`` of OneHotEncoder)."""
MOST_LEVEL_COLUMNS = 20
"""Columns that one category may become; the rarest levels are grouped (``max_categories`` of OneHotEncoder)."""
DECILES = np.arange(1, 10) / 10
WHOLE_AS_WRITTEN = 1e15
"""Whole numbers up to here are written with all their digits."""


def describe_column(
    column: ColumnValues, kind: ColumnKind, *, rows: NDArray[np.int64], decimal: str = "."
) -> RawFeature:
    """Describe a column that has a value in one of ``rows``, the training rows: levels, shares, range, deciles."""
    if kind == "category":
        return _describe_category(column, rows=rows)
    if kind == "boolean":
        return _describe_boolean(column, rows=rows)
    return describe_numbers(column.name, as_numbers(column, decimal=decimal)[rows])


def code_column(column: ColumnValues, feature: RawFeature, *, decimal: str = ".") -> NDArray[np.float64]:
    """Return (n,) float64 for all rows: see ``RawFeature``. NaN: missing; ``UNKNOWN_CODE``: a level of other rows."""
    if feature.kind == "number" or (feature.kind == "boolean" and column.words is None):
        return as_numbers(column, decimal=decimal)
    words = read_words(as_words(column))
    if feature.kind == "boolean":
        codes = {word.lower(): code for code, word in enumerate(feature.levels)}
        code_of = [codes.get(str(word).lower(), UNKNOWN_CODE) for word in words.distinct]
    else:
        codes = {level: code for code, level in enumerate(feature.levels)}
        code_of = [codes.get(str(word), UNKNOWN_CODE) for word in words.distinct]
    return np.array([*code_of, np.nan])[words.positions]  # a missing value's position is -1, the last


def as_numbers(column: ColumnValues, *, decimal: str = ".") -> NDArray[np.float64]:
    """Return (n,) float64; NaN for what is missing or a word."""
    if column.numbers is not None:
        return column.numbers
    words = read_words(column.words)
    return np.append(plain_numbers(words.distinct, decimal=decimal), np.nan)[words.positions]


def as_words(column: ColumnValues) -> pa.DictionaryArray:
    """Return the column as text: a number as people write it, 1 rather than 1.0."""
    if column.numbers is None:
        return column.words
    numbers = column.numbers + 0.0  # no -0.0
    distinct, positions = np.unique(numbers, return_inverse=True)  # NaN comes last, and once
    texts = pa.array([None if np.isnan(value) else write_number(value) for value in distinct], pa.string())
    return pc.take(texts, pa.array(positions)).dictionary_encode()


def class_words(column: ColumnValues, *, numeric: bool, decimal: str) -> pa.DictionaryArray:
    """Return a target's values as its classes are named. numeric: whether words among them are no classes."""
    if numeric and column.words is not None:
        return as_words(ColumnValues(column.name, numbers=as_numbers(column, decimal=decimal)))
    return as_words(column)


def write_number(value: float) -> str:
    """Return the shortest text that reads as ``value``: 1 rather than 1.0."""
    return str(int(value)) if value == int(value) and abs(value) < WHOLE_AS_WRITTEN else repr(float(value))


def describe_numbers(name: str, values: NDArray[np.float64]) -> RawFeature:
    """Describe a column of numbers. values: (n,) float64 of the training rows, NaN: missing; at least one is there."""
    gaps = np.isnan(values)
    missing = float(gaps.mean())
    present = values[~gaps] if missing else values
    return RawFeature(
        name=name,
        minimum=float(present.min()),
        maximum=float(present.max()),
        missing_share=missing,
        deciles=np.quantile(present, DECILES).tolist(),
        becomes="2 columns: the median in gaps, and where they are" if missing else "a number",
        encoded_columns=2 if missing else 1,
    )


def _describe_boolean(column: ColumnValues, *, rows: NDArray[np.int64]) -> RawFeature:
    levels: tuple[str, ...] = ()
    if column.words is None:
        values = as_numbers(column)[rows]
        zeros, ones = int((values == 0).sum()), int((values == 1).sum())
    else:
        words = read_words(column.words)
        levels = boolean_words(words) or ()
        lowered = np.array([str(word).lower() for word in words.distinct])
        counts = words.count(rows)
        zeros, ones = (int(counts[lowered == level.lower()].sum()) for level in levels)
    return boolean_feature(column.name, levels, zeros=zeros, ones=ones, rows=len(rows))


def boolean_feature(name: str, levels: Sequence[str], *, zeros: int, ones: int, rows: int) -> RawFeature:
    """Describe a boolean of ``rows`` training rows. levels: how 0 and 1 are written, none where they are numbers."""
    gaps = rows - zeros - ones
    return RawFeature(
        name=name,
        minimum=0,
        maximum=1,
        kind="boolean",
        levels=list(levels),
        level_shares=[zeros / rows, ones / rows],
        missing_share=gaps / rows,
        becomes=f"2 columns: {_word_fill(zeros, ones)} in gaps, and where they are" if gaps else "0 or 1",
        encoded_columns=2 if gaps else 1,
    )


def _word_fill(zeros: int, ones: int) -> str:
    """Say what stands for a gap, which is the median of so many values 0 and 1."""
    return "0.5, halfway," if zeros == ones else f"{int(ones > zeros)}, the commoner,"


def _describe_category(column: ColumnValues, *, rows: NDArray[np.int64]) -> RawFeature:
    words = read_words(as_words(column))
    counts = words.count(rows)
    used = np.flatnonzero(counts)
    count_of = {str(words.distinct[int(place)]): int(counts[place]) for place in used}
    return category_feature(column.name, count_of, rows=len(rows))


def category_feature(name: str, count_of: Mapping[str, int], *, rows: int) -> RawFeature:
    """Describe a category of ``rows`` training rows, of which so many hold each level; the others have gaps."""
    levels = sorted(count_of)
    counts = np.array([count_of[level] for level in levels])
    gaps = rows - int(counts.sum())
    columns, grouped = count_level_columns(np.append(counts, gaps) if gaps else counts)
    return RawFeature(
        name=name,
        minimum=0,
        maximum=len(levels) - 1,
        kind="category",
        levels=levels,
        level_shares=(counts / rows).tolist(),
        missing_share=gaps / rows,
        becomes=_word_levels(columns, levels=len(levels) + (gaps > 0), grouped=grouped),
        encoded_columns=columns,
    )


def count_level_columns(counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return how many columns OneHotEncoder makes of levels, and how many of these share one (scikit-learn's rule).

    counts: (k,) rows of each level, missing values among them where there are some.
    """
    rare = int(find_rare(counts).sum())
    return len(counts) - rare + (rare > 0), rare


def find_rare(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which levels OneHotEncoder groups. counts: (k,) as above -> (k,) bool."""
    rare: NDArray[np.bool_] = counts < RARE_SHARE * counts.sum()
    if len(counts) - rare.sum() >= MOST_LEVEL_COLUMNS:  # it always keeps a column for rare ones then (scikit-learn 1.9)
        rare[np.argsort(counts, kind="stable")[: -(MOST_LEVEL_COLUMNS - 1)]] = True
    return rare


def _word_levels(columns: int, *, levels: int, grouped: int) -> str:
    if grouped <= 1:
        return f"{columns} columns, one for each level"
    return f"{columns} columns: {levels - grouped} levels, and the {grouped:,} rarest together"
