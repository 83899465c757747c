"""What is counted of a column and of the target over all rows, and the rows that show it: they join those drawn.

A row shows something where it is the first to hold a level, a gap or a fraction, or the end of a range. With these
rows among those that are looked at, all that is decided from the existence of a value is decided as from all rows.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.columns.digits import first_rounded
from training.columns.kinds import MOST_LEVELS
from training.columns.words import plain_numbers, read_words
from training.stream.places import mix

MOST_WORDS = MOST_LEVELS + 1
"""Distinct words that are counted, and as many numbers among words: with more, a column is refused."""
Shown = tuple[Hashable, int]
"""What a row shows, and its place in the block."""


@dataclass(frozen=True)
class Block:
    """Rows that follow each other. start: of the first of them in the table.

    used: (n,) bool, those with a target; train: (n,) bool, those of them to train on.
    """

    start: int
    used: NDArray[np.bool_]
    train: NDArray[np.bool_]


@dataclass
class NumberFacts:
    """Of a column of numbers. Counts are of the training rows, where nothing else is said."""

    rows: int = 0
    """Of the table, all of them."""
    gaps: int = 0
    zeros: int = 0
    ones: int = 0
    gaps_of_used: int = 0
    counts_on: bool = True
    """Whether the values are 0, 1, 2, ... or 1, 2, 3, ..."""
    begins: float = 0.0
    content: int = 0
    """Sum of hashes of all values with their places."""
    ends: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def add(self, values: NDArray[np.float64], block: Block) -> Iterator[Shown]:
        """Count a block, (n,) float64 with NaN for gaps, and yield the rows that show something new."""
        gaps = np.isnan(values)
        if not self.rows:
            self.begins = values[0]
        places = np.arange(block.start, block.start + len(values))
        self.counts_on = self.counts_on and bool(np.array_equal(values, places + self.begins))
        bits = np.where(gaps, np.nan, values + 0.0).view(np.uint64)
        self.content = (self.content + int(mix(bits ^ mix(places.view(np.uint64))).sum())) % 2**64
        self.gaps += int(np.count_nonzero(gaps & block.train))
        self.gaps_of_used += int(np.count_nonzero(gaps & block.used))
        self.zeros += int(np.count_nonzero((values == 0) & block.train))
        self.ones += int(np.count_nonzero((values == 1) & block.train))
        self.rows += len(values)
        yield from self._find_ends(values, block)
        tests: dict[str, Callable[[], NDArray[np.bool_]]] = {
            "0": lambda: values == 0,
            "1": lambda: values == 1,
            "another number": lambda: ~gaps & (values != 0) & (values != 1),
            "a fraction": lambda: ~gaps & (values != np.round(values)),
            "a gap": lambda: gaps,
            "a gap to train on": lambda: gaps & block.train,
            "a gap elsewhere": lambda: gaps & block.used & ~block.train,
            "a rounded number": lambda: _rounded(values),
        }
        for what, test in tests.items():
            if what not in self.seen and (rows := test()).any():
                self.seen.add(what)
                yield what, int(np.argmax(rows))

    def _find_ends(self, values: NDArray[np.float64], block: Block) -> Iterator[Shown]:
        for part, rows in (("all", slice(None)), ("train", block.train)):
            chosen = values[rows]
            if np.isnan(chosen).all():
                continue
            for end, value in (("lowest", np.nanmin(chosen)), ("highest", np.nanmax(chosen))):
                name, known = f"{end} of {part}", self.ends.get(f"{end} of {part}")
                if known is None or (value < known if end == "lowest" else value > known):
                    self.ends[name] = float(value)
                    holds = values == value
                    yield name, int(np.argmax(holds if part == "all" else holds & block.train))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which value is the first that may have lost digits, whatever else the column holds."""
    row = first_rounded(np.where(values == np.round(values), values, 0))
    return np.arange(len(values)) == row if row is not None else np.array([False])


@dataclass
class WordFacts:
    """Of a column of words: how many rows with a target hold each, and how many of these are trained on."""

    most: int = MOST_WORDS
    used: dict[str, int] = field(default_factory=dict)
    train: dict[str, int] = field(default_factory=dict)
    counted: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """How many distinct words are no number, and how many are one."""
    gaps_of_used: int = 0
    content: int = 0

    @property
    def overflows(self) -> bool:
        """Whether there are more than are counted."""
        return max(self.counted.values()) >= self.most

    def count_trained(self, level: str) -> int:
        """Count the training rows that hold a word in any case."""
        return sum(held for word, held in self.train.items() if word.lower() == level.lower())

    def add(self, column: pa.DictionaryArray, block: Block, *, decimal: str) -> Iterator[Shown]:
        """Count a block, and yield the rows that show a word for the first time, in any row or to train on."""
        words = read_words(column)
        distinct = [str(word) for word in words.distinct]
        hashes = np.array([*map(_hash_word, distinct), 0], dtype=np.uint64)
        places = np.arange(block.start, block.start + len(words.positions), dtype=np.uint64)
        self.content = (self.content + int(mix(hashes[words.positions] ^ mix(places)).sum())) % 2**64
        self.gaps_of_used += int(np.count_nonzero((words.positions < 0) & block.used))
        new = self._find_new(distinct, words.distinct, decimal)
        used, train = words.count(np.flatnonzero(block.used)), words.count(np.flatnonzero(block.train))
        for place, word in enumerate(distinct):
            if word not in self.used:
                continue
            self.used[word] += int(used[place])
            if train[place] and not self.train.get(word):
                yield ("to train on", word), int(np.argmax((words.positions == place) & block.train))
            self.train[word] = self.train.get(word, 0) + int(train[place])
        for place in new:
            yield ("in any row", distinct[place]), int(np.argmax(words.positions == place))

    def _find_new(self, distinct: list[str], array: pa.Array, decimal: str) -> list[int]:
        """Begin to count words, as far as there is room, and return their places."""
        unknown = [place for place, word in enumerate(distinct) if word not in self.used]
        if not unknown:
            return []
        numeric = ~np.isnan(plain_numbers(array, decimal=decimal))
        new = []
        for place in unknown:
            if self.counted[bool(numeric[place])] < self.most:
                self.counted[bool(numeric[place])] += 1
                self.used[distinct[place]] = 0
                new.append(place)
        return new


def _hash_word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


@dataclass
class Moments:
    """Mean and standard deviation of numbers that come block by block (Chan et al., 1979)."""

    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Add a block, (n,) float64."""
        if not len(values):
            return
        rows, mean = self.rows + len(values), float(values.mean())
        gap = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + gap**2 * self.rows * len(values) / rows
        self.mean += gap * len(values) / rows
        self.rows = rows

    @property
    def deviation(self) -> float:
        """Standard deviation of all values."""
        return float(np.sqrt(self.squares / max(1, self.rows)))


@dataclass
class TargetFacts:
    """How many rows have a target, by the parts of the split, and the mean and spread of numbers to train on."""

    parts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    without: int = 0
    moments: Moments = field(default_factory=Moments)

    def add(self, values: NDArray[np.float64] | None, block: Block, parts: NDArray[np.int8]) -> None:
        """Count a block. values: (n,) float64; None: words."""
        self.parts += np.bincount(parts[block.used], minlength=len(self.parts))
        self.without += int(np.count_nonzero(~block.used))
        if values is not None:
            self.moments.add(values[block.train])
