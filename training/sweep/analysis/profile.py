"""Which power laws fit: for each of many exponents the floors whose sum of squares is within a bound."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from training.sweep.analysis.repeats import Floats, Repeats

RATES = (0.01, 10.0)
"""Exponents, without sign, that are looked at: beyond them five sizes show a straight line or a step."""
SHARES = np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 40), 1 - np.geomspace(0.5, 1e-6, 40)[1:]])
"""Of the floor in the largest value: where the profile is looked for first."""
STEPS = 101
ZOOMS = 3
"""How often, and over how many exponents, the profile is looked at: its ends are right to 1 in 2,500 then."""
HALVINGS = 26
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class LawShape:
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


@dataclass(frozen=True)
class Profile:
    """All that fits: for each of several rates the shares within the bound. Arrays: (rates,)."""

    law: LawShape
    bound: float
    rates: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, law: LawShape, rate: float, share: float, bound: float) -> Self:
        """Look at all rates roughly, then closer and closer at those within the bound."""
        low, high = RATES
        for _ in range(ZOOMS):
            rates = np.unique(np.append(np.geomspace(low, high, STEPS), rate))
            best = _best_shares(law, rates)
            inside = law.squares(rates, best) <= bound
            inside[np.searchsorted(rates, rate)] = True
            first, last = int(inside.argmax()), len(inside) - 1 - int(inside[::-1].argmax())
            low, high = float(rates[max(0, first - 1)]), float(rates[min(len(rates) - 1, last + 1)])
        rates, best = rates[first : last + 1], best[first : last + 1]
        best[np.searchsorted(rates, rate)] = share
        lowest = _cross(law, rates, best, np.zeros_like(rates), bound)
        highest = _cross(law, rates, best, np.full_like(rates, SHARES[-1]), bound)
        return cls(law, bound, rates, lowest, highest)

    @property
    def anchor(self) -> float:
        """The size at which the figure is largest."""
        return self.law.anchor

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest rate that fits."""
        return float(self.rates[0]), float(self.rates[-1])

    def level(self, rates: Floats | float, shares: Floats | float) -> Floats:
        """Logarithm of the level that fits best: (...)."""
        repeats = self.law.repeats
        left = repeats.logs - self.law.shape(np.asarray(rates), np.asarray(shares))
        return np.asarray((left @ repeats.membership.T).mean(axis=-1))

    def span(self, figure: Callable[[Floats, Floats], Floats], *, spread: float) -> tuple[float, float]:
        """Return the lowest and the highest logarithm of a figure over all that fits.

        What the bound leaves over at a point may go into the level and a new measurement: ``spread`` is the variance of
        both, in those of one value.
        """
        steps = np.linspace(0, 1, 33)[:, None]
        shares = self.lowest + (self.highest - self.lowest) * steps
        rates = np.broadcast_to(self.rates, shares.shape)
        slack = np.maximum(0, self.bound - self.law.squares(rates, shares))
        with np.errstate(divide="ignore"):
            values = figure(rates, shares) + self.level(rates, shares)
        reach = np.sqrt(slack * spread)
        return float((values - reach).min()), float((values + reach).max())


def _best_shares(law: LawShape, rates: Floats) -> Floats:
    """Return the share that fits best for each rate: the best of ``SHARES``, then a golden section around it."""
    squares = law.squares(rates[:, None], SHARES[None, :])
    place = squares.argmin(axis=1)
    low, high = SHARES[np.maximum(place - 1, 0)], SHARES[np.minimum(place + 1, len(SHARES) - 1)]
    for _ in range(HALVINGS):
        inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        below = law.squares(rates, inner) <= law.squares(rates, outer)
        low, high = np.where(below, low, inner), np.where(below, outer, high)
    middle = (low + high) / 2
    corner = SHARES[place]
    better = law.squares(rates, middle) <= squares[np.arange(len(rates)), place]
    return np.asarray(np.where(better, middle, corner))


def _cross(law: LawShape, rates: Floats, inside: Floats, outside: Floats, bound: float) -> Floats:
    """Return for each rate the share, towards ``outside``, at which the bound is reached."""
    whole = law.squares(rates, outside) <= bound
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        fits = law.squares(rates, middle) <= bound
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    return np.asarray(np.where(whole, outside, inside))
