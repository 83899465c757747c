"""A power law with a floor, fitted to repeats at several sizes, and the 95 % interval of all that follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import least_squares

from service.contract.curve import Estimate

CONFIDENCE = 0.95
LACK_OF_FIT = 0.05
"""Significance from which on the sizes are taken to stray from the law by more than the seeds do."""
RATES = (0.01, 10.0)
"""Exponents, without sign, that are looked at: beyond them five sizes show a straight line or a step."""
SHARES = np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 40), 1 - np.geomspace(0.5, 1e-6, 40)[1:]])
"""Of the floor in the largest value: where the profile is looked for first."""
STEPS = 101
ZOOMS = 3
"""How often, and over how many exponents, the profile is looked at: its ends are right to 1 in 2,500 then."""
HALVINGS = 26
SMALLEST_NOISE = 1e-6
"""Of a value: figures that are equal for every seed still have some."""
GOLDEN = (5**0.5 - 1) / 2

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


@dataclass(frozen=True)
class PowerLaw:
    """``level * (share + (1 - share) * (size / anchor) ** exponent)``, and the exponents that fit, seen in profile.

    Every seed has a level of its own, a fixed effect: the table and its held-out rows make one seed harder than
    another at every size. Errors are normal in the logarithm. An interval holds whatever does not raise the sum of
    squares by more than t^2 times the variance (profile likelihood by the F test: Bates and Watts, 1988, section 6.1;
    Donaldson and Schnabel, 1987, find it to cover what linear approximations miss).
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
    profile: "_Profile"

    @property
    def exponent(self) -> Estimate:
        """Return it with its sign."""
        ends = sorted(self.sign * rate for rate in self.profile.ends)
        return Estimate(value=self.sign * self.rate, low=ends[0], high=ends[1])

    @property
    def is_open(self) -> bool:
        """Whether the interval of the exponent ends only where the search does."""
        return self.profile.ends[0] <= RATES[0] or self.profile.ends[1] >= RATES[1]

    @property
    def floor(self) -> Estimate:
        """Return what remains when the size has done all it can."""
        return self._estimate(lambda rate, share: np.broadcast_arrays(np.log(_positive(share)), rate)[0])

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
    curve = _Curve(repeats, sign)
    rate, share, left = _solve(curve)
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
    return PowerLaw(repeats, sign, rate, share, variance, freedom, strays, _Profile.of(curve, rate, share, bound))


@dataclass(frozen=True)
class _Curve:
    """The law's logarithm without its level, at the sizes measured."""

    repeats: Repeats
    sign: int

    @cached_property
    def anchor(self) -> float:
        """The size at which the figure is largest."""
        return float(self.repeats.distinct[-1 if self.sign > 0 else 0])

    @cached_property
    def ratios(self) -> Floats:
        """(n,) logarithms, 0 or below."""
        return self.sign * np.log(self.repeats.sizes / self.anchor)

    def shape(self, rates: Floats, shares: Floats) -> Floats:
        """(...) and (...) -> (..., n)."""
        shares = np.asarray(shares)[..., None]
        return np.log(shares + (1 - shares) * np.exp(np.asarray(rates)[..., None] * self.ratios))

    def squares(self, rates: Floats, shares: Floats) -> Floats:
        """Sum of squares that is left: (...)."""
        left = self.repeats.within_seeds(self.repeats.logs - self.shape(rates, shares))
        return np.asarray((left**2).sum(axis=-1))


def _solve(curve: _Curve) -> tuple[float, float, float]:
    """Return rate, share, and the sum of squares that is left."""
    rates = np.geomspace(*RATES, 60)
    squares = curve.squares(rates[:, None], SHARES[None, :])
    row, column = np.unravel_index(int(squares.argmin()), squares.shape)
    start = np.array([np.log(rates[row]), SHARES[column]])
    bounds = ([np.log(RATES[0]), 0.0], [np.log(RATES[1]), SHARES[-1]])
    found = least_squares(
        lambda guess: curve.repeats.within_seeds(curve.repeats.logs - curve.shape(np.exp(guess[0]), guess[1])),
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


@dataclass(frozen=True)
class _Profile:
    """All that fits: for each of several rates the shares within the bound. Arrays: (rates,)."""

    curve: _Curve
    bound: float
    rates: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, curve: _Curve, rate: float, share: float, bound: float) -> Self:
        """Look at all rates roughly, then closer and closer at those within the bound."""
        low, high = RATES
        for _ in range(ZOOMS):
            rates = np.unique(np.append(np.geomspace(low, high, STEPS), rate))
            best = _best_shares(curve, rates)
            inside = curve.squares(rates, best) <= bound
            inside[np.searchsorted(rates, rate)] = True
            first, last = int(inside.argmax()), len(inside) - 1 - int(inside[::-1].argmax())
            low, high = float(rates[max(0, first - 1)]), float(rates[min(len(rates) - 1, last + 1)])
        rates, best = rates[first : last + 1], best[first : last + 1]
        best[np.searchsorted(rates, rate)] = share
        lowest = _cross(curve, rates, best, np.zeros_like(rates), bound)
        highest = _cross(curve, rates, best, np.full_like(rates, SHARES[-1]), bound)
        return cls(curve, bound, rates, lowest, highest)

    @property
    def anchor(self) -> float:
        """The size at which the figure is largest."""
        return self.curve.anchor

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest rate that fits."""
        return float(self.rates[0]), float(self.rates[-1])

    def level(self, rates: Floats | float, shares: Floats | float) -> Floats:
        """Logarithm of the level that fits best: (...)."""
        repeats = self.curve.repeats
        left = repeats.logs - self.curve.shape(np.asarray(rates), np.asarray(shares))
        return np.asarray((left @ repeats.membership.T).mean(axis=-1))

    def span(self, figure: Callable[[Floats, Floats], Floats], *, spread: float) -> tuple[float, float]:
        """Return the lowest and the highest logarithm of a figure over all that fits.

        What the bound leaves over at a point may go into the level and a new measurement: ``spread`` is the variance of
        both, in those of one value.
        """
        steps = np.linspace(0, 1, 33)[:, None]
        shares = self.lowest + (self.highest - self.lowest) * steps
        rates = np.broadcast_to(self.rates, shares.shape)
        slack = np.maximum(0, self.bound - self.curve.squares(rates, shares))
        with np.errstate(divide="ignore"):
            values = figure(rates, shares) + self.level(rates, shares)
        reach = np.sqrt(slack * spread)
        return float((values - reach).min()), float((values + reach).max())


def _best_shares(curve: _Curve, rates: Floats) -> Floats:
    """Return the share that fits best for each rate: the best of ``SHARES``, then a golden section around it."""
    squares = curve.squares(rates[:, None], SHARES[None, :])
    place = squares.argmin(axis=1)
    low, high = SHARES[np.maximum(place - 1, 0)], SHARES[np.minimum(place + 1, len(SHARES) - 1)]
    for _ in range(HALVINGS):
        inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        below = curve.squares(rates, inner) <= curve.squares(rates, outer)
        low, high = np.where(below, low, inner), np.where(below, outer, high)
    middle = (low + high) / 2
    corner = SHARES[place]
    better = curve.squares(rates, middle) <= squares[np.arange(len(rates)), place]
    return np.asarray(np.where(better, middle, corner))


def _cross(curve: _Curve, rates: Floats, inside: Floats, outside: Floats, bound: float) -> Floats:
    """Return for each rate the share, towards ``outside``, at which the bound is reached."""
    whole = curve.squares(rates, outside) <= bound
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        fits = curve.squares(rates, middle) <= bound
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    return np.asarray(np.where(whole, outside, inside))


def _positive(share: Floats) -> Floats:
    return np.maximum(share, np.finfo(np.float64).tiny)
