"""Scaled columns of coded rows, and the statistics of their products. NumPy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_VARIANCE = 1e-14
"""Below it lies what rounding makes of a feature that does not vary."""


@dataclass(frozen=True)
class Encoder:
    """Gaps filled, indicators, a column for each level, 0..1: see ``training.graph.encoding.Steps``.

    scale, shift: (encoded,) float64, of each column that comes of it.
    """

    fills: NDArray[np.float64]
    values: tuple[int, ...]
    indicated: tuple[int, ...]
    levels: tuple[tuple[tuple[int, float], ...], ...]
    grouped: tuple[bool, ...]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    @property
    def columns(self) -> int:
        """How many columns come of it."""
        return len(self.scale)

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float32]:
        """(n, d) float64, coded, NaN for gaps -> (n, encoded) float32: computed in float64, then rounded."""
        encoded = np.empty((self.columns, len(raw)), dtype=np.float32)
        column = 0

        def add(values: NDArray[np.generic]) -> None:
            nonlocal column
            encoded[column] = values * self.scale[column] + self.shift[column]
            column += 1

        for source in self.values:
            add(self._filled(raw, source))
        for source in self.indicated:
            add(np.isnan(raw[:, source]))
        for category, grouped in zip(self.levels, self.grouped, strict=True):
            others = np.ones(len(raw), dtype=bool)
            for source, code in category:
                holds = self._filled(raw, source) == code
                others &= ~holds
                add(holds)
            if grouped:
                add(others)
        return np.ascontiguousarray(encoded.T)

    def _filled(self, raw: NDArray[np.float64], source: int) -> NDArray[np.float64]:
        values = raw[:, source]
        gaps = np.isnan(values)
        return np.where(gaps, self.fills[source], values) if gaps.any() else values


class ProductMoments:
    """Mean and standard deviation of columns and of all their products, from sums: the products are never made.

    The sum of a product over the rows is an entry of the columns' product with themselves, that of its square one of
    the squared columns' product.
    """

    def __init__(self, columns: int) -> None:
        self.rows, self.sums = 0, np.zeros(columns)
        self.products, self.squares = np.zeros((columns, columns)), np.zeros((columns, columns))

    def add(self, columns: NDArray[np.float32]) -> None:
        """Add rows, (n, d), scaled."""
        exact = columns.astype(np.float64)
        self.rows += len(exact)
        self.sums += exact.sum(axis=0)
        self.products += exact.T @ exact
        exact *= exact
        self.squares += exact.T @ exact

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of every feature, in scikit-learn's order: (features,) each."""
        upper = np.triu_indices(len(self.sums))
        mean = np.concatenate([self.sums, self.products[upper]]) / self.rows
        of_squares = np.concatenate([self.products.diagonal(), self.squares[upper]]) / self.rows
        variance = of_squares - mean**2
        return mean, np.sqrt(np.where(variance > SMALLEST_VARIANCE, variance, 0.0))
