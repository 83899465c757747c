"""What follows from a row's place in the table and a seed alone: its part of the split, and whether it is drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.columns.split import VALIDATION_FRACTION

TRAIN, VALIDATION, TEST = range(3)
SPLIT, DRAW = 1, 2
"""What a hash is for: two that have nothing to do with each other."""


@dataclass(frozen=True)
class PlaceSplit:
    """Splits rows by a hash of their places, so that it matters neither who reads them nor in which pieces."""

    seed: int
    test_fraction: float

    def parts(self, start: int, rows: int) -> NDArray[np.int8]:
        """Return the part of each of so many rows from ``start`` on: (n,) of ``TRAIN``, ``VALIDATION``, ``TEST``."""
        return self.parts_at(np.arange(start, start + rows))

    def parts_at(self, places: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return the part of the rows at these places. (n,) -> (n,)."""
        drawn = (hash_places(places, seed=self.seed, purpose=SPLIT) >> np.uint64(11)) * 2.0**-53
        looked_at = self.test_fraction + (1 - self.test_fraction) * VALIDATION_FRACTION
        parts: NDArray[np.int8] = np.where(drawn < self.test_fraction, TEST, np.where(drawn < looked_at, VALIDATION, 0))
        return parts.astype(np.int8)


def hash_places(places: NDArray[np.int64], *, seed: int, purpose: int) -> NDArray[np.uint64]:
    """Return a hash of each place: (n,) -> (n,) uint64, all values equally likely."""
    offset = mix(np.array([seed * 8 + purpose], dtype=np.uint64))
    return mix(places.astype(np.uint64) ^ offset)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each value: the output function of SplitMix64 (Steele et al., 2014). (n,) -> (n,) uint64."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
