"""Decide what a column is: number, boolean or category. What is none of them is refused with the option that helps."""

import re

import numpy as np
from numpy.typing import NDArray

from service.contract.card import ColumnKind
from service.contract.policies import BOOLEAN_SPELLINGS
from training.columns.digits import check_digits, check_long_numbers
from training.columns.words import (
    DATE,
    DURATION,
    POINTED,
    ColumnWords,
    look_like,
    odd_patterns,
    plain_numbers,
    read_words,
)
from training.errors import UserError, quoted, write_option
from training.table.cells import plain_pattern
from training.table.values import ColumnOptions, ColumnValues, ReadTable

MOST_LEVELS = 10_000
"""Of a category: the card lists them all."""
NUMERIC_SHARE = 0.5
"""A column of which so many values look like numbers is one of numbers, and its words are mistakes."""
DATED_SHARE = 0.5
"""A column of which so many values are dates is one of dates, whatever stands for those that are unknown."""
UNIQUE_SHARE = 0.5
"""Text of which more values than these stand in no other row is free text, or names the row."""
SHOWN_WORDS = 3
ID_NAME = re.compile(r"(?:.*[_ .-])?(?:id|ID|Id)|.*[a-z]I[dD]", re.DOTALL)
FEWEST_IDS = 20
"""Fewer whole numbers may all differ by chance."""


def decide_kind(
    column: ColumnValues, *, table: ReadTable, rows: NDArray[np.int64], options: ColumnOptions
) -> ColumnKind:
    """Decide from all values what their type is, and from the training ``rows`` whether text is a category.

    The column has a value. Raise UserError with one line where it is nothing that can be trained on as it is.
    """
    if column.numbers is not None:
        check_finite(column.name, column.numbers, table=table, otherwise=f"or {write_option('--drop', column.name)}")
        if column.name not in options.numeric:
            check_digits(column.name, column.numbers, table=table)
        return _kind_of_numbers(column.name, column.numbers, table=table, options=options)
    words = read_words(column.words)
    if column.name in options.category:
        _check_level_count(column.name, words, table=table)
        return "category"
    numbers = plain_numbers(words.distinct, decimal=table.decimal)
    if column.name in options.numeric:
        _check_some_number(column.name, words, numbers, table=table)
        return "number"
    if boolean_words(words) is not None:
        return "boolean"
    check_no_mixture(
        column.name,
        words,
        numbers,
        table=table,
        otherwise=f"{write_option('--category', column.name)} to take every value as a level, or "
        f"{write_option('--drop', column.name)}",
    )
    check_long_numbers(column.name, words, table=table)
    _check_no_dates(column.name, words, table=table)
    _check_repeated(column.name, words, table=table, rows=rows, numeric=not np.isnan(numbers).any())
    _check_level_count(column.name, words, table=table)
    return "category"


def boolean_words(words: ColumnWords) -> tuple[str, str] | None:
    """Return how the column writes 0 and 1 most often, where its values are both of one pair of words in any case."""
    counts = words.count()
    used = np.flatnonzero(counts)
    if len(used) > 2 * 2 ** len("false"):  # more than the cases of any pair
        return None
    spelled = [str(words.distinct[int(place)]) for place in used[np.argsort(-counts[used], kind="stable")]]
    lowered = [word.lower() for word in spelled]
    for pair in BOOLEAN_SPELLINGS:
        if set(lowered) == set(pair):
            return spelled[lowered.index(pair[0])], spelled[lowered.index(pair[1])]
    return None


def check_finite(name: str, numbers: NDArray[np.float64], *, table: ReadTable, otherwise: str) -> None:
    """Raise UserError for the first infinite value, or a range beyond float64. otherwise: the last remedy."""
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise UserError(
            f"{table.source}: column {quoted(name)} must be finite, however: {table.place(int(infinite[0]))} holds "
            f"{numbers[infinite[0]]}, or a number beyond float64. Correct it, give --missing with the word that stands "
            f"there, {otherwise}."
        )
    with np.errstate(over="ignore"):
        span = np.nanmax(numbers) - np.nanmin(numbers)
    if not np.isfinite(span):
        raise UserError(
            f"{table.source}: column {quoted(name)} must have a range that fits float64, however: it spans more than "
            f"{np.finfo(np.float64).max:.1e}. Rescale it, {otherwise}."
        )


def check_no_mixture(
    name: str, words: ColumnWords, numbers: NDArray[np.float64], *, table: ReadTable, otherwise: str
) -> None:
    """Raise UserError for words in a column of numbers, naming rows and words. otherwise: the last remedies.

    numbers: (k,) float64, NaN for a word that is no plain number.
    """
    counts = words.count()
    plain = ~np.isnan(numbers)
    if counts[plain].sum() == counts.sum():
        return
    patterns = odd_patterns(table.decimal) | {"a number beyond float64": plain_pattern(table.decimal)}
    odd = {what: look_like(words.distinct, pattern) & (counts > 0) & ~plain for what, pattern in patterns.items()}
    numeric = np.any([plain, *odd.values()], axis=0)
    if counts[numeric].sum() < NUMERIC_SHARE * counts.sum():
        return
    found = {what: words.first_row(which) for what, which in odd.items() if which.any()}
    if found:
        what, row = min(found.items(), key=lambda entry: entry[1])
        remedy = f"Write plain numbers, or give {_remedies(name, [words.text(row)], otherwise=otherwise)}"
        if POINTED in found:  # --missing and --numeric would leave 1.234 beside it a thousandth of what it is
            what, row = POINTED, found[POINTED]
            remedy = f"Write all numbers of the column without such points, or give {otherwise}"
        raise UserError(
            f"{table.source}: column {quoted(name)} must be numeric, however: {table.place(row)} holds "
            f"{quoted(words.text(row))}, {what}. {remedy}."
        )
    _refuse_words(name, words, wordy=~plain, table=table, otherwise=otherwise)


def _refuse_words(name: str, words: ColumnWords, *, wordy: NDArray[np.bool_], table: ReadTable, otherwise: str) -> None:
    counts = words.count()
    common = _commonest(words, wordy)
    shown = [str(words.distinct[place]) for place in common]
    places = sorted(int(np.argmax(words.positions == place)) for place in common)
    holding = ", ".join(f"{table.place(row)} holds {quoted(words.text(row))}" for row in places)
    title = (
        f" Or delete what stands above {table.place(0)} if that is the header."
        if places == [0] and counts[wordy].sum() == 1
        else ""
    )
    raise UserError(
        f"{table.source}: column {quoted(name)} must be numeric, however: {holding} "
        f"({counts[wordy].sum():,} of {counts.sum():,} values{table.among} are words). Give "
        f"{_remedies(name, shown, otherwise=otherwise)}.{title}"
    )


def _commonest(words: ColumnWords, chosen: NDArray[np.bool_]) -> list[int]:
    """Return the places of the words among the ``chosen`` that most rows hold."""
    counts = words.count() * chosen
    return [int(place) for place in np.argsort(-counts, kind="stable")[:SHOWN_WORDS] if counts[place]]


def _remedies(name: str, words: list[str], *, otherwise: str) -> str:
    missing = " ".join(write_option("--missing", word) for word in words)
    numeric = write_option("--numeric", name)
    return f"{missing} where that means no value, {numeric} to take all such as missing, {otherwise}"


def _kind_of_numbers(
    name: str, numbers: NDArray[np.float64], *, table: ReadTable, options: ColumnOptions
) -> ColumnKind:
    if name in options.category:
        count = len(np.unique(numbers[~np.isnan(numbers)]))
        if count > MOST_LEVELS:
            raise _too_many_levels(name, count, table=table)
        return "category"
    if name in options.numeric:
        return "number"
    zeros, ones, gaps = (numbers == 0).sum(), (numbers == 1).sum(), np.isnan(numbers).sum()
    if zeros and ones and zeros + ones + gaps == len(numbers):
        return "boolean"
    if ID_NAME.fullmatch(name) and _all_whole_and_different(numbers):
        raise UserError(
            f"{table.source}: column {quoted(name)} must say something of its row, however: it holds a whole number of "
            f"its own in each, as an id does ({table.place(0)}: {numbers[0]:.15g}). Give "
            f"{write_option('--drop', name)}, or {write_option('--numeric', name)} to keep it."
        )
    return "number"


def _all_whole_and_different(numbers: NDArray[np.float64]) -> bool:
    if len(numbers) < FEWEST_IDS or np.isnan(numbers).any() or not np.array_equal(numbers, np.round(numbers)):
        return False
    return len(np.unique(numbers)) == len(numbers)


def _check_some_number(name: str, words: ColumnWords, numbers: NDArray[np.float64], *, table: ReadTable) -> None:
    if not words.count()[~np.isnan(numbers)].any():
        row = int(np.argmax(words.positions >= 0))
        raise UserError(
            f"{table.source}: --numeric must name a column that holds numbers, however: {quoted(name)} holds none "
            f"({table.place(row)}: {quoted(words.text(row))}). Give {write_option('--drop', name)} or "
            f"{write_option('--category', name)}."
        )


def _check_no_dates(name: str, words: ColumnWords, *, table: ReadTable) -> None:
    counts = words.count()
    found = {"dates or times": (DATE, "year, month, hour"), "durations": (DURATION, "seconds")}
    for what, (pattern, parts) in found.items():
        such = look_like(words.distinct, pattern)
        if counts[such].sum() < DATED_SHARE * counts.sum():
            continue
        row = words.first_row(such & (counts > 0))
        others = [str(words.distinct[place]) for place in _commonest(words, ~such)]
        missing = "".join(f"{write_option('--missing', word)} " for word in others)
        no_value = f"{missing}where that means no value, " if missing else ""
        raise UserError(
            f"{table.source}: column {quoted(name)} must hold numbers or levels, however: it holds {what} "
            f"({table.place(row)}: {quoted(words.text(row))}). Write what matters of them as numbers ({parts}), give "
            f"{no_value}{write_option('--drop', name)}, or {write_option('--category', name)} to take each one as a "
            "level."
        )


def _check_repeated(name: str, words: ColumnWords, *, table: ReadTable, rows: NDArray[np.int64], numeric: bool) -> None:
    """Raise UserError where most words stand in one row alone. numeric: whether all of them are plain numbers."""
    counts = words.count(rows)
    unique, values = int((counts == 1).sum()), int(counts.sum())
    if unique > UNIQUE_SHARE * values:
        row = int(rows[np.argmax(words.positions[rows] >= 0)])
        as_numbers = f"{write_option('--numeric', name)} to take them as numbers, " if numeric else ""
        raise UserError(
            f"{table.source}: column {quoted(name)} must have levels that come again, however: {unique:,} of its "
            f"{values:,} training values{table.among} stand in one row alone, as free text and ids do "
            f"({table.place(row)}: {quoted(words.text(row))}). Give {as_numbers}{write_option('--drop', name)}, or "
            f"{write_option('--category', name)} to keep it."
        )


def _check_level_count(name: str, words: ColumnWords, *, table: ReadTable) -> None:
    count = int((words.count() > 0).sum())
    if count > MOST_LEVELS:
        raise _too_many_levels(name, count, table=table)


def _too_many_levels(name: str, count: int, *, table: ReadTable) -> UserError:
    return UserError(
        f"{table.source}: a category must have at most {MOST_LEVELS:,} levels, however: column {quoted(name)} has "
        f"{count:,}{table.among}. Group them, or give {write_option('--drop', name)}."
    )
