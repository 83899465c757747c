"""Columns that are not what they seem: those that are left out, and those that are kept with a warning."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.contract.card import RawFeature
from training.errors import quoted
from training.table.values import ColumnValues

SuspectKind = Literal[
    "row number", "no value", "constant", "rare levels", "duplicate",
    "predicts", "repeated rows", "small class", "rounded", "outlier", "narrow", "unseen", "words", "padded", "case",
    "spellings", "numbers among levels", "numbers as text",
]  # fmt: skip
LEFT_OUT = frozenset[SuspectKind](["row number", "no value", "constant", "rare levels", "duplicate"])
INDEX_NAME = re.compile(r"Unnamed: 0(\.\d+)?|rownames|__index_level_\d+__")
"""What pandas, R and pyarrow call the row numbers that they write; a first column without a name is read as pandas'."""
INNER_QUANTILES = (0.01, 0.99)
FLATTENED_SHARE = 0.001
"""A range whose inner 98 % are a smaller part of it than this is one of outliers: the others all lie beside 0."""
NARROWEST_RANGE = 10 * float(np.finfo(np.float64).eps)
"""MinMaxScaler takes a narrower range for none, and leaves it as it is (scikit-learn 1.9, _handle_zeros_in_scale)."""
SHOWN_LEVELS = 3


@dataclass(frozen=True)
class Suspect:
    """A column (None: the table) to be warned of. text: what is said of it, after its name."""

    name: str | None
    kind: SuspectKind
    text: str

    @property
    def left_out(self) -> bool:
        """Whether the column is no raw feature."""
        return self.kind in LEFT_OUT

    @property
    def sentence(self) -> str:
        """What a reader is told, in one line."""
        if self.name is None:
            return f"{self.text[0].upper()}{self.text[1:]}."
        return (
            f"{quoted(self.name)} is left out: it {self.text}."
            if self.left_out
            else f"{quoted(self.name)} {self.text}."
        )


def find_row_number(column: ColumnValues) -> Suspect | None:
    """Look for row numbers: by the name that software gives them, or 0, 1, 2, ... or 1, 2, 3, ..."""
    if named := find_index_name(column):
        return named
    numbers = column.numbers
    if numbers is None or len(numbers) < 2 or numbers[0] not in {0, 1}:
        return None
    if np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]):
        return say_row_number(column.name, begins=numbers[0], rows=len(numbers))
    return None


def say_row_number(name: str, *, begins: float, rows: int) -> Suspect:
    """Name a column that numbers the rows."""
    return Suspect(name, "row number", f"numbers the rows: {begins:.0f}, {begins + 1:.0f}, ... {begins + rows - 1:.0f}")


def find_index_name(column: ColumnValues) -> Suspect | None:
    """Look for the name that software gives to row numbers."""
    if not INDEX_NAME.fullmatch(column.name):
        return None
    return Suspect(column.name, "row number", "numbers or names the rows, as its name says")


def find_nothing(feature: RawFeature, codes: NDArray[np.float64]) -> Suspect | None:
    """Look for a column that says nothing. codes: (n,) of the training rows, as the graphs take them."""
    if feature.missing_share == 0 and np.ptp(codes) == 0:
        held = feature.levels[0] if feature.kind == "category" else f"{codes[0]:.6g}"
        return Suspect(feature.name, "constant", f"holds {quoted(held)} in every training row")
    if feature.kind == "category" and feature.encoded_columns == 1:
        text = f"has {len(feature.levels):,} levels, each of them in fewer than 1 % of the training rows"
        return Suspect(feature.name, "rare levels", text)
    return None


class Duplicates:
    """Remembers columns by a digest, to name those that come again."""

    def __init__(self) -> None:
        self.seen: dict[bytes, str] = {}

    def find(self, feature: RawFeature, content: bytes) -> Suspect | None:
        """Look for an earlier column with the same value in every row. content: equal where all values are."""
        digest = hashlib.blake2b("\0".join([feature.kind, *feature.levels]).encode(), digest_size=16)
        digest.update(content)
        earlier = self.seen.setdefault(digest.digest(), feature.name)
        if earlier == feature.name:
            return None
        return Suspect(feature.name, "duplicate", f"equals {quoted(earlier)} in every row")


def canonical(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy in which equal values have equal bytes: one NaN, no -0.0."""
    copy = codes + 0.0
    copy[np.isnan(copy)] = np.nan
    return copy


class RepeatedRows:
    """Hashes whole rows, a column at a time: (n,) uint64."""

    def __init__(self, rows: int) -> None:
        self.hashes = np.zeros(rows, dtype=np.uint64)

    def add(self, codes: NDArray[np.float64]) -> None:
        """Mix a column in: (n,) float64, ``canonical``. Multiplier and shift: SplitMix64 (Steele et al., 2014)."""
        self.hashes ^= codes.view(np.uint64)
        self.hashes *= np.uint64(0xBF58476D1CE4E5B9)
        self.hashes ^= self.hashes >> np.uint64(29)

    def find(
        self, *, train: NDArray[np.int64], test: NDArray[np.int64], one_of: str = "a training row"
    ) -> Suspect | None:
        """Count held-out rows that equal a training row. one_of: what these are called."""
        known, asked = np.sort(self.hashes[train]), self.hashes[test]
        nearest = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        count = int((known[nearest] == asked).sum())
        if not count:
            return None
        text = f"{count:,} of {len(test):,} held-out rows equal {one_of}, target included: they are no test"
        return Suspect(None, "repeated rows", text)


def find_outlier(feature: RawFeature, codes: NDArray[np.float64]) -> Suspect | None:
    """Look for a value that flattens all others once they are scaled to 0..1. codes: (n,) of the training rows."""
    if feature.kind != "number":
        return None
    low, high = np.nanquantile(codes, INNER_QUANTILES)
    if not 0 < high - low < FLATTENED_SHARE * (feature.maximum - feature.minimum):
        return None
    text = (
        f"reaches from {feature.minimum:.6g} to {feature.maximum:.6g}, while 98 % lie between {low:.6g} and "
        f"{high:.6g}: scaled to 0..1 these are nearly equal. Take the outliers out, or its logarithm"
    )
    return Suspect(feature.name, "outlier", text)


def find_narrow(feature: RawFeature) -> Suspect | None:
    """Look for a range that scaling takes for none, so that nothing of the column is seen."""
    if feature.kind != "number" or not 0 < feature.maximum - feature.minimum < NARROWEST_RANGE:
        return None
    text = (
        f"reaches from {feature.minimum!r} to {feature.maximum!r}, a range below {NARROWEST_RANGE:.1e}, which is not "
        "scaled, so that nothing is learnt from it: multiply it by a power of ten"
    )
    return Suspect(feature.name, "narrow", text)


def find_unseen(feature: RawFeature, *, gaps: int, unknown: int) -> Suspect | None:
    """Look for what the training rows lack: gaps, or levels. gaps, unknown: how many rows have them."""
    if feature.missing_share == 0 and gaps:
        counted = "a gap, but" if gaps == 1 else f"{gaps:,} gaps,"
        text = f"has {counted} none in a training row: the service will refuse a row without it"
        return Suspect(feature.name, "unseen", text)
    if not unknown:
        return None
    return Suspect(feature.name, "unseen", f"has levels that no training row holds, in {unknown:,} other rows")


def find_small_classes(counts: NDArray[np.int64], classes: tuple[str, ...], *, share: float) -> list[Suspect]:
    """Look for classes of less than ``share``. counts: (k,) training rows of each."""
    shares = counts / counts.sum()
    return [
        Suspect(
            None,
            "small class",
            f"class {quoted(name)} has {part:.2%} of the training rows: accuracy says little of it, look at AUC",
        )
        for name, part in zip(classes, shares, strict=True)
        if part < share
    ]
