"""Held-out quality of architectures, compared over the same rows. Accuracy, or for a regression the squared error."""

from loadtest.record.intervals import Interval
from loadtest.record.results import Results
from service.contract.card import Description


def find_best(results: Results) -> str | None:
    """Return the architecture that the release's evaluation compared all others with; None where it is not known."""
    return next((gap.best for gap in results.differences.values()), None)


def squared_error(card: Description) -> float | None:
    """Return the mean squared error on held-out rows, in the target's unit squared; None for a classification."""
    return None if card.test.rmse is None else card.test.rmse**2


def gain(results: Results, architecture: str, over: str) -> Interval | None:
    """Return how much better ``architecture`` is: accuracy gained, or squared error taken off.

    The 95 % interval is paired over the held-out rows. The release's evaluation compares all with the best alone: of
    two others the gain has no interval.
    """
    differences = results.differences
    if over in differences and differences[over].best == architecture:
        return gain_of_best(results, over)
    if architecture in differences and differences[architecture].best == over:
        gap = differences[architecture]
        return Interval(gap.mean, gap.low, gap.high)
    above, below = (_level(results.cards[name]) for name in (architecture, over))
    return None if above is None or below is None else Interval(above - below)


def gain_of_best(results: Results, architecture: str) -> Interval | None:
    """Return how much better the best is; None for the best, and where the release's evaluation is not known."""
    gap = results.differences.get(architecture)
    return None if gap is None else Interval(-gap.mean, -gap.high, -gap.low)


def _level(card: Description) -> float | None:
    error = squared_error(card)
    return card.test.accuracy if error is None else -error
