"""The ranges that the raw columns had in training, and what becomes of values outside of them."""

import numpy as np
from numpy.typing import NDArray

from service.codec.rows import Input, Rows, refuse_values
from service.contract.card import RawFeature
from service.contract.policies import Policy


def _count(mask: NDArray[np.bool_]) -> int:
    """Count what is true: for one row a third of the time of ``np.count_nonzero``."""
    return mask.tobytes().count(b"\x01")


class Ranges:
    """Lowest and highest value of each raw column in the training split, (1, d) float64 each.

    Two dimensions, as rows have: NumPy takes twice as long to compare one row with what it must broadcast (2.4).
    """

    def __init__(self, columns: list[RawFeature], policy: Policy) -> None:
        self._low = np.array([[column.minimum for column in columns]])
        self._high = np.array([[column.maximum for column in columns]])
        self._span = np.where(self._high > self._low, self._high - self._low, 1.0)
        self._policy = policy

    def screen(self, rows: Rows, expected: Input) -> tuple[Rows, int]:
        """rows: (n, d) -> the rows to answer for, and how many of their values lay outside. Raises Problem 422."""
        outside = _count(rows < self._low) + _count(rows > self._high)
        if outside and self._policy == "clip":
            return np.clip(rows, self._low, self._high), outside
        if outside and self._policy == "reject":
            raise refuse_values("out-of-range", rows, (rows < self._low) | (rows > self._high), expected)
        return rows, outside

    def scale(self, rows: Rows) -> Rows:
        """Natural units -> 0..1 within the range."""
        scaled: Rows = (rows / self._span) - (self._low / self._span)
        return scaled
