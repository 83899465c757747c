"""What the Universal Scalability Law makes of throughput that is known to follow it, or not to."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from loadtest.analysis.scalability import Scalability, fit_scalability
from tests.intervals import covers

IN_FLIGHT = np.array([1, 2, 4, 8, 16, 32, 64], dtype=np.float64)
REPEATS = 5


@dataclass(frozen=True)
class Law:
    rate: float = 1_000.0
    contention: float = 0.05
    coherence: float = 0.0005

    @property
    def peak(self) -> float:
        return math.sqrt((1 - self.contention) / self.coherence)

    def throughput(self, n: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return self.rate * n / (1 + self.contention * (n - 1) + self.coherence * n * (n - 1))

    def measure(self, seed: int, *, noise: float = 0.03, drift: float = 0.0) -> Scalability:
        """Fit it to repeats with an error of each trial and one of each repeat, both on the logarithm."""
        rng = np.random.default_rng(seed)
        n, repeats = np.tile(IN_FLIGHT, REPEATS), np.repeat(np.arange(REPEATS), len(IN_FLIGHT))
        errors = rng.normal(0, noise, n.shape) + rng.normal(0, drift, REPEATS)[repeats]
        fitted = fit_scalability(n.tolist(), (self.throughput(n) * np.exp(errors)).tolist(), repeats.tolist())
        assert fitted is not None
        return fitted


@pytest.mark.parametrize("law", [Law(), Law(contention=0), Law(coherence=0.02), Law(rate=0.01), Law(contention=0.9)])
def test_exact_measurements_give_back_their_law(law: Law) -> None:
    fitted = fit_scalability(IN_FLIGHT.tolist(), law.throughput(IN_FLIGHT).tolist())
    assert fitted is not None
    found = (fitted.rate.estimate, fitted.contention.estimate, fitted.coherence.estimate)
    # Some 1e-8 is what the fit's last step leaves.
    assert found == pytest.approx((law.rate, law.contention, law.coherence), rel=1e-6, abs=1e-8)
    assert fitted.peak is not None
    assert fitted.peak.estimate == pytest.approx(law.peak, rel=1e-6)
    np.testing.assert_allclose(fitted.throughput(IN_FLIGHT), law.throughput(IN_FLIGHT), rtol=1e-6)


def test_the_law_of_perfect_scaling_and_that_of_a_single_server_are_found_too() -> None:
    for contention in (0.0, 1.0):
        fitted = fit_scalability(
            IN_FLIGHT.tolist(), Law(contention=contention, coherence=0).throughput(IN_FLIGHT).tolist()
        )
        assert fitted is not None
        assert fitted.contention.estimate == pytest.approx(contention, abs=1e-8)
        assert fitted.coherence.estimate == pytest.approx(0, abs=1e-8)
        assert fitted.peak is None


@pytest.mark.slow
@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_intervals_cover_the_truth_in_95_percent_of_fits(drift: float) -> None:
    law = Law()
    fits = [law.measure(seed, drift=drift) for seed in range(300)]
    shares = [
        np.mean([covers(fit.rate, law.rate) for fit in fits]),
        np.mean([covers(fit.contention, law.contention) for fit in fits]),
        np.mean([covers(fit.coherence, law.coherence) for fit in fits]),
        np.mean([covers(fit.peak, law.peak) for fit in fits]),
    ]
    assert min(shares) >= 0.92, shares
    assert max(shares) <= 0.98, shares


def test_no_peak_is_claimed_without_coherence() -> None:
    law = Law(coherence=0)
    fits = [law.measure(seed) for seed in range(200)]
    assert np.mean([covers(fit.coherence, 0) for fit in fits]) >= 0.95
    assert np.mean([fit.peak is None for fit in fits]) >= 0.95


def test_no_peak_is_claimed_far_beyond_what_was_measured() -> None:
    law = Law(contention=0, coherence=1 / 200**2)
    assert law.measure(1, noise=0.0001).peak is None


def test_repeats_do_not_sharpen_a_law_that_does_not_hold() -> None:
    """A single server with a fixed travel time saturates abruptly; the law can't."""
    saturating = np.minimum(200 * IN_FLIGHT, 1_000)
    rng = np.random.default_rng(1)
    once = fit_scalability(IN_FLIGHT.tolist(), saturating.tolist())
    often = fit_scalability(
        np.tile(IN_FLIGHT, 20).tolist(), (np.tile(saturating, 20) * np.exp(rng.normal(0, 0.01, 140))).tolist()
    )
    assert once is not None
    assert often is not None
    for name in ("rate", "contention"):
        first, second = getattr(once, name), getattr(often, name)
        assert second.high - second.low == pytest.approx(first.high - first.low, rel=0.1)


def test_measurements_that_cannot_say_are_left_alone() -> None:
    assert fit_scalability([1, 2, 4] * 5, [100, 180, 300] * 5) is None
    assert fit_scalability([1, 2, 4, 8], [100, 180, 0, 400]) is None
    assert fit_scalability([1, 2, 4, 8], [100, 180, math.nan, 400]) is None
    assert fit_scalability([], []) is None
    with pytest.raises(ValueError, match="each trial must have all figures"):
        fit_scalability([1, 2, 4, 8], [100, 180])


@pytest.mark.parametrize("seed", range(20))
def test_nonsense_is_fitted_without_a_warning(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fitted = fit_scalability(np.repeat(IN_FLIGHT, 2).tolist(), np.exp(rng.normal(0, 3, 14)).tolist())
    assert fitted is not None
    assert 0 <= fitted.contention.estimate <= 1
    assert fitted.coherence.estimate >= 0
