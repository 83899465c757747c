"""A power law with a floor, fitted to repeats at several sizes, and the 95 % interval of all that follows from it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import least_squares

from service.contract.curve import Estimate
from training.sweep.analysis.profile import RATES, SHARES, LawShape, Profile
from training.sweep.analysis.repeats import Floats, Repeats

CONFIDENCE = 0.95
LACK_OF_FIT = 0.05
"""Significance from which on the sizes are taken to stray from the law by more than the seeds do."""
SMALLEST_NOISE = 1e-6
"""Of a value: figures that are equal for every seed still have some."""
NO_FLOOR = 1e-200
"""What stands for 0 among logarithms."""


@dataclass(frozen=True)
class PowerLaw:
    """``level * (share + (1 - share) * (size / anchor) ** exponent)``, and the exponents that fit, seen in profile.

    Every seed has a level of its own, a fixed effect: the table and its held-out rows make one seed harder than
    another at every size. Errors are normal in the logarithm. An interval holds whatever does not raise the sum of
    squares by more than t^2 times the variance (profile likelihood by the F test: Bates and Watts, 1988, chapter 6;
    see Donaldson and Schnabel, 1987, for how it covers, and tests.bench.sweep_laws).
    Where the sizes stray from the law by more than the seeds do, it is their straying that gives the variance, with the
    few degrees of freedom that it has.
    """

    repeats: Repeats
    sign: int
    """-1: falls with size; 1: grows."""
    rate: float
    share: float
    variance: float
    freedom: int
    strays: bool
    """Whether the sizes stray from the law by more than the seeds do."""
    profile: Profile

    @property
    def exponent(self) -> Estimate:
        """Return it with its sign."""
        ends = sorted(self.sign * rate for rate in self.profile.ends)
        return Estimate(value=self.sign * self.rate, low=ends[0], high=ends[1])

    @property
    def is_open(self) -> bool:
        """Whether the interval of the exponent ends only where the search does."""
        return self.may_creep or self.profile.ends[1] >= RATES[1]

    @property
    def may_creep(self) -> bool:
        """Whether it may change as slowly as a logarithm: no exponent is too small."""
        return self.profile.ends[0] <= RATES[0]

    @property
    def floor(self) -> Estimate:
        """Return what remains when the size has done all it can."""
        found = self._estimate(lambda rate, share: np.broadcast_arrays(np.log(_positive(share)), rate)[0])
        value, low, high = (0.0 if end < NO_FLOOR else end for end in (found.value, found.low, found.high))
        return Estimate(value=value, low=low, high=high)

    @property
    def coefficient(self) -> Estimate:
        """Return the factor of ``size ** exponent``."""
        anchor = np.log(self.profile.anchor)
        return self._estimate(lambda rate, share: np.log(_positive(1 - share)) - self.sign * rate * anchor)

    def predict(self, size: float) -> Estimate:
        """Return the figure that the seeds would have on average if they were measured at ``size``."""
        ratio = self.sign * np.log(size / self.profile.anchor)
        new = 1 / len(self.repeats.membership)
        return self._estimate(lambda rate, share: np.log(share + (1 - share) * np.exp(rate * ratio)), new=new)

    def _estimate(self, figure: Callable[[Floats, Floats], Floats], *, new: float = 0.0) -> Estimate:
        """Return the figure, whose logarithm is the level's and ``figure``, and its range over all that fits.

        new: variance of what a new measurement adds, in those of one value.
        """
        found = figure(np.array(self.rate), np.array(self.share)) + self.profile.level(self.rate, self.share)
        low, high = self.profile.span(figure, spread=self.repeats.level_share + new)
        value = float(np.exp(found))
        return Estimate(value=value, low=min(value, float(np.exp(low))), high=max(value, float(np.exp(high))))


def fit_power(repeats: Repeats, *, sign: int) -> PowerLaw | None:
    """Fit by least squares on the logarithms. None where the values do not go that way, or there are too few.

    Three sizes are enough to be fitted, which is not enough to be believed: see ``laws``.
    """
    if len(repeats.distinct) < 3 or len(repeats.values) - len(repeats.membership) < 3:
        return None
    law = LawShape(repeats, sign)
    rate, share, left = _solve(law)
    if share >= SHARES[-1]:
        return None
    freedom = len(repeats.values) - len(repeats.membership) - 2
    variance, strays = left / freedom, False
    pure, pure_freedom = repeats.pure_error()
    spare = freedom - pure_freedom
    if spare > 0 and pure_freedom > 0:
        straying = max(0.0, left - pure) / spare
        limit = float(stats.f.ppf(1 - LACK_OF_FIT, spare, pure_freedom))
        if straying > limit * max(pure / pure_freedom, SMALLEST_NOISE**2):
            variance, freedom, strays = straying, spare, True
    variance = max(variance, SMALLEST_NOISE**2)
    bound = left + float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) ** 2 * variance
    return PowerLaw(repeats, sign, rate, share, variance, freedom, strays, Profile.of(law, rate, share, bound))


def _solve(law: LawShape) -> tuple[float, float, float]:
    """Return rate, share, and the sum of squares that is left."""
    rates = np.geomspace(*RATES, 60)
    squares = law.squares(rates[:, None], SHARES[None, :])
    row, column = np.unravel_index(int(squares.argmin()), squares.shape)
    start = np.array([np.log(rates[row]), SHARES[column]])
    bounds = ([np.log(RATES[0]), 0.0], [np.log(RATES[1]), SHARES[-1]])
    found = least_squares(
        lambda guess: law.repeats.within_seeds(law.repeats.logs - law.shape(np.exp(guess[0]), guess[1])),
        np.clip(start, np.array(bounds[0]) + 1e-9, np.array(bounds[1]) - 1e-9),
        bounds=bounds,
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    best = float(2 * found.cost)
    if squares[row, column] < best:
        return float(rates[row]), float(SHARES[column]), float(squares[row, column])
    return float(np.exp(found.x[0])), float(found.x[1]), best


def _positive(share: Floats) -> Floats:
    return np.maximum(share, np.finfo(np.float64).tiny)
