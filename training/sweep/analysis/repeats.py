"""A figure at several sizes, repeated by seeds."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Repeats:
    """A figure at several sizes, seed by seed. sizes, values: (n,) float64 above 0; seeds: (n,) int64."""

    sizes: Floats
    values: Floats
    seeds: NDArray[np.int64]

    @classmethod
    def of(cls, entries: list[tuple[float, int, float]]) -> Self:
        """Collect entries of size, seed and value."""
        sizes, seeds, values = zip(*entries, strict=True)
        return cls(np.array(sizes, dtype=np.float64), np.array(values, dtype=np.float64), np.array(seeds))

    @cached_property
    def logs(self) -> Floats:
        """(n,) of the values."""
        return np.log(self.values)

    @cached_property
    def distinct(self) -> Floats:
        """Sizes, each once, rising."""
        return np.unique(self.sizes)

    @cached_property
    def membership(self) -> Floats:
        """(seeds, n): a row averages the values of its seed."""
        belongs = (self.seeds == np.unique(self.seeds)[:, None]).astype(np.float64)
        return np.asarray(belongs / belongs.sum(axis=1, keepdims=True))

    @cached_property
    def level_share(self) -> float:
        """Variance of the level, the mean over seeds of their means, in those of one value."""
        return float((self.membership**2).sum() / len(self.membership) ** 2)

    def within_seeds(self, values: Floats) -> Floats:
        """Take from each value the mean of its seed. values: (..., n)."""
        means = values @ self.membership.T
        return values - means[..., np.unique(self.seeds, return_inverse=True)[1]]

    def pure_error(self) -> tuple[float, int]:
        """Return what is left beside any curve, and its degrees of freedom: the sum of squares of size x seed."""
        columns = (self.sizes[:, None] == self.distinct).astype(np.float64)
        design = self.within_seeds(columns.T).T
        target = self.within_seeds(self.logs)
        solution, _, rank, _ = np.linalg.lstsq(design, target)
        left = target - design @ solution
        return float(left @ left), len(self.values) - len(self.membership) - int(rank)
