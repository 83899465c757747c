"""All figures of a study, computed once: page, Markdown and terminal show these and no others."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.analysis.capacity import Operating, Sustained, find_operating, find_sustained
from loadtest.analysis.counts import (
    GateTally,
    MissingPhase,
    RequestTally,
    find_missing,
    tally_failures,
    tally_gates,
    tally_requests,
)
from loadtest.analysis.figures import NOT_MEASURED, Figure, average, figure_ratio, once, trials_of
from loadtest.record.intervals import Interval
from loadtest.record.results import Environment, Results, Settings
from loadtest.record.trials import SATURATION_USERS
from service.contract.card import Description

SECONDS_AN_HOUR = 3600
MILLION = 1e6


@dataclass(frozen=True)
class ArchitectureFigures:
    """What was found of one architecture.

    saturation: requests/s of the closed loop; rows_per_second: sustained under the SLO, of a quick study at saturation;
    cost: of a million predictions, in the unit of the price; gains: over each other architecture
    (``gain``); behind_best: what the best gains over this one, None for the best itself.
    """

    name: str
    card: Description
    sustained: Sustained
    saturation: Figure
    rows_per_second: Figure
    operating: Operating
    cost: Figure
    worker_bytes: Figure
    ready_seconds: Figure
    gains: Mapping[str, Interval | None]
    behind_best: Interval | None


@dataclass(frozen=True)
class StudySummary:
    """A study in figures."""

    release: str
    settings: Settings
    environment: Environment
    seconds: float
    partial: str | None
    notes: tuple[str, ...]
    missing: tuple[MissingPhase, ...]
    """Of a partial study."""
    architectures: tuple[ArchitectureFigures, ...]
    best: str | None
    """The most accurate on held-out rows; None where the release's evaluation is not known."""
    gates: tuple[GateTally, ...]
    requests: tuple[RequestTally, ...]
    failures: Mapping[str, int]
    trials: int
    invalid_trials: int
    """That a figure rests on and that failed a gate."""
    set_aside_trials: int
    """That failed a gate and that no figure rests on."""
    steal_share: float | None
    """The largest of any trial."""

    @property
    def is_single_run(self) -> bool:
        """Whether it is open arrivals of Locust's own command line: of a quick study the closed loop comes first."""
        return self.settings.quick and self.trials > 0 and all(tally.phase == "curve" for tally in self.requests)


def summarise_study(results: Results) -> StudySummary:
    """Compute every figure that is shown."""
    names = [name for name in results.settings.architectures if name in results.cards]
    return StudySummary(
        release=results.release,
        settings=results.settings,
        environment=results.environment,
        seconds=results.seconds,
        partial=results.partial,
        notes=tuple(results.notes),
        missing=() if results.partial is None else find_missing(results),
        architectures=tuple(_find_figures(results, name, names) for name in names),
        best=find_best(results),
        gates=tally_gates(results),
        requests=tally_requests(results.trials),
        failures=tally_failures(results.trials),
        trials=len(results.trials),
        invalid_trials=sum(results.rests_on(trial) and not trial.valid for trial in results.trials),
        set_aside_trials=sum(not results.rests_on(trial) and not trial.valid for trial in results.trials),
        steal_share=max((share for trial in results.trials if (share := trial.steal_share) is not None), default=None),
    )


def compare_rates(above: ArchitectureFigures, below: ArchitectureFigures) -> Interval | None:
    """Return the ratio of rows/s, block by block; None where either is a bound, withheld or not measured."""
    return figure_ratio(above.rows_per_second, below.rows_per_second)


def _find_figures(results: Results, name: str, names: list[str]) -> ArchitectureFigures:
    sustained = find_sustained(results, name)
    saturation = _find_saturation(results, name)
    requests = saturation if results.settings.quick else sustained.requests
    rows_per_second = requests.through(lambda rate: rate * results.settings.rows)
    alone = results.alone.get(name)
    return ArchitectureFigures(
        name=name,
        card=results.cards[name],
        sustained=sustained,
        saturation=saturation,
        rows_per_second=rows_per_second,
        operating=find_operating(results, name, sustained),
        cost=_find_cost(results, rows_per_second),
        worker_bytes=once(alone.worker_memory_bytes if alone else None),
        ready_seconds=once(alone.ready_seconds if alone else None),
        gains={other: gain(results, name, other) for other in names if other != name},
        behind_best=gain_of_best(results, name),
    )


def _find_saturation(results: Results, name: str) -> Figure:
    """Return what a closed loop of SATURATION_USERS is answered: a phase of its own, or one load of a sweep."""
    swept = [trial for trial in trials_of(results, "in flight", name) if trial.load.in_flight == SATURATION_USERS]
    return average(trials_of(results, "saturation", name) or swept, lambda trial: trial.requests_per_second)


def _find_cost(results: Results, rows_per_second: Figure) -> Figure:
    """Return what a million predictions cost: the price of the service's processors for the time that they take."""
    price, processors = results.settings.price_per_core_hour, results.environment.service_processors
    if price is None or processors is None:
        return NOT_MEASURED
    hourly = price * processors
    return rows_per_second.through(lambda rate: hourly / (rate * SECONDS_AN_HOUR) * MILLION, falling=True)


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
