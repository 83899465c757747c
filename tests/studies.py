"""Results of whole studies, and of studies in which something is wrong: what the report is tested with."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel

from loadtest.record.results import Alone, Environment, Results, Settings
from loadtest.record.trials import SATURATION_USERS, Gate, Phase, Trial
from service.contract.card import Description, Difference, Metrics, Target
from tests.cards import RELEASE, make_card, make_differences
from tests.simulated import SECONDS, SLO_MS, WARM_UP_SECONDS, Profile, Run

SMALL = Profile("small", 2, 50, 14_151, 0.09, 0.0082, 0.9373, 0.87, 140.3)
LARGE = Profile("large", 5, 200, 207_201, 0.11, 0.0119, 0.9413, 4.1, 144.7)
WIDE = Profile("wide", 1, 400, 92_801, 0.1, 0.0101, 0.9391, 1.9, 142.1)
COMMON_RATE = 500.0
HOSTILE = "<img src=x onerror=alert(1)>|`**[a](javascript:b)[red]\n\x1b[31m</script><b>"
"""Markup, a table column, code, a link, a colour, a new line and a control character."""

Record = TypeVar("Record", bound=BaseModel)


def study(*profiles: Profile, blocks: int = 5, rows: int = 64) -> Results:
    """A whole study of ``profiles`` (small and large), nothing wrong with it."""
    chosen = profiles or (SMALL, LARGE)
    run = Run(rows=rows, seed=7)
    trials = [trial for block in range(1, blocks + 1) for trial in run.block(block, chosen)]
    return Results(
        release=RELEASE,
        settings=Settings(
            host=None,
            architectures=[profile.name for profile in chosen],
            body="json",
            rows=rows,
            slo_p99_ms=SLO_MS,
            quick=False,
            blocks=blocks,
            seconds=SECONDS,
            warm_up_seconds=WARM_UP_SECONDS,
            arrivals="poisson",
            seed=7,
            processes=1,
            price_per_core_hour=0.04,
        ),
        environment=Environment(
            started=datetime(2026, 11, 24, 14, 44, 1, tzinfo=UTC).isoformat(),
            processor="AMD EPYC",
            processors=2,
            service_processors=1,
            workers=1,
            platform="Linux 6.1",
            versions={"python": "3.11.7", "bentoml": "1.4.39", "locust": "2.47.0", "onnxruntime": "1.32.0"},
            command="python -m loadtest --price-per-core-hour 0.04",
        ),
        cards={profile.name: make_card(profile) for profile in chosen},
        differences=make_differences(chosen),
        trials=[changed(trial, number=number) for number, trial in enumerate(trials, start=1)],
        capacities=run.capacities,
        alone={
            profile.name: Alone(ready_seconds=1.8, worker_memory_bytes=round(profile.worker_mb * 1e6))
            for profile in chosen
        },
        seconds=1.2 * SECONDS * len(trials),
        partial=None,
    )


def changed(record: Record, **update: object) -> Record:
    """A copy with other values."""
    return record.model_copy(update=update)


def change_trials(results: Results, change: Callable[[Trial], Trial]) -> Results:
    """A study whose trials are what ``change`` makes of them."""
    return changed(results, trials=[change(trial) for trial in results.trials])


def quick_study() -> Results:
    """Saturation and one common rate; no capacity."""
    whole = study(blocks=3)
    run = Run(rows=64, seed=3)
    turns = [(block, profile) for block in (1, 2, 3) for profile in (SMALL, LARGE)]
    saturation = [run.closed("saturation", block, profile, SATURATION_USERS) for block, profile in turns]
    common = [run.open("curve", block, profile, COMMON_RATE) for block, profile in turns]
    return changed(whole, settings=changed(whole.settings, quick=True), trials=saturation + common, capacities=[])


def single_run() -> Results:
    """What ``locust --report`` writes: one trial of open arrivals."""
    quick = quick_study()
    (trial, *_) = (trial for trial in quick.trials if trial.phase == "curve")
    settings = changed(quick.settings, architectures=["small"], blocks=1, host="http://10.0.0.7:3000")
    cards = {"small": quick.cards["small"]}
    return changed(quick, settings=settings, cards=cards, differences={}, trials=[trial], alone={})


def _with_capacities(results: Results, architecture: str, **update: object) -> Results:
    return changed(
        results,
        capacities=[
            changed(found, **update) if found.architecture == architecture else found for found in results.capacities
        ],
    )


def generator_limited_study() -> Results:
    """The load generator gave out before ``small`` did."""
    return _with_capacities(study(), "small", outcome="generator", next_rate=None)


def overload_study() -> Results:
    """Two of a hundred requests were never answered, wherever a rate was offered."""

    def cut_off(trial: Trial) -> Trial:
        return (
            changed(trial, latency=changed(trial.latency, known=0.98)) if trial.latency and trial.load.rate else trial
        )

    return change_trials(study(), cut_off)


def hopeless_study() -> Results:
    """``large`` did not hold the SLO at any rate that was tried."""
    found_none = _with_capacities(study(), "large", outcome="none", rate=None)
    kept = [trial for trial in found_none.trials if (trial.load.architecture, trial.phase) != ("large", "curve")]

    def fail(trial: Trial) -> Trial:
        if (trial.load.architecture, trial.phase) != ("large", "search"):
            return trial
        assert trial.latency is not None
        return changed(trial, verdict="fail", latency=changed(trial.latency, p99_ms=71.3))

    return change_trials(changed(found_none, trials=kept), fail)


def undecided_study() -> Results:
    """Repeats at the boundary of ``large`` contradicted each other in one block."""
    whole = study()
    capacities = [
        changed(found, outcome="undecided", rate=None) if (found.architecture, found.block) == ("large", 2) else found
        for found in whole.capacities
    ]
    return changed(whole, capacities=capacities)


LATE = Gate(name="client lateness", figure=12.3, limit=5, parts={"slo_p99_ms": SLO_MS}, ok=False)
WRONG = Gate(name="answers correct", figure=20, limit=0, parts={"wrong value": 17, "status 500": 3}, ok=False)


def spoilt_study(phase: Phase = "search", architecture: str = "large", gate: Gate = LATE) -> Results:
    """The trials of ``phase`` of one architecture in the first block fail a gate."""

    def spoil(trial: Trial) -> Trial:
        if (trial.phase, trial.block, trial.load.architecture) != (phase, 1, architecture) or trial.verdict == "fail":
            return trial
        return changed(trial, gates=[gate if gate.name == passed.name else passed for passed in trial.gates])

    return change_trials(study(), spoil)


def partial_study() -> Results:
    """Stopped in the second block."""
    whole = study()
    return changed(
        whole,
        trials=[trial for trial in whole.trials if trial.block == 1],
        capacities=[found for found in whole.capacities if found.block == 1],
        alone={},
        partial="stopped by Ctrl-C",
    )


def begun_study() -> Results:
    """Stopped before anything was found."""
    return changed(partial_study(), trials=[], capacities=[])


def shown_gain_study(large: Profile = LARGE) -> Results:
    """``large`` is shown to be more accurate."""
    gap = Difference(best="large", mean=-0.0141, low=-0.0191, high=-0.0091)
    whole = study(SMALL, large)
    card = changed(whole.cards["large"], test=changed(whole.cards["large"].test, accuracy=0.9373 + 0.0141))
    return changed(whole, differences={"small": gap}, cards={**whole.cards, "large": card})


def regression_study() -> Results:
    """A regression in which ``large`` is shown to be better."""
    whole = study()
    metrics = {"small": Metrics(loss=0.512, r2=0.488, rmse=55.1), "large": Metrics(loss=0.471, r2=0.529, rmse=52.8)}
    gap = 52.8**2 - 55.1**2
    return changed(
        whole,
        cards={name: _regression_card(card, metrics[name]) for name, card in whole.cards.items()},
        differences={"small": Difference(best="large", mean=gap, low=gap - 130, high=gap + 130)},
    )


def _regression_card(card: Description, metrics: Metrics) -> Description:
    trace = [changed(epoch, validation_accuracy=None, validation_r2=1 - epoch.validation_loss) for epoch in card.trace]
    return changed(card, task="regression", test=metrics, target=Target(name="progression", scale=77.0), trace=trace)


def hosted_study(host: str = "http://10.0.0.7:3000") -> Results:
    """Of a service that runs elsewhere: its processors and its memory can't be read."""
    whole = change_trials(study(), lambda trial: changed(trial, server=None))
    return changed(
        whole,
        settings=changed(whole.settings, host=host, price_per_core_hour=None),
        environment=changed(whole.environment, service_processors=None, workers=None),
        alone={},
    )


def hostile_study() -> Results:
    """Names, host and command that try to become markup, columns, links and control characters."""
    whole = hosted_study(host=f"http://{HOSTILE}")

    def rename(name: str) -> str:
        return HOSTILE if name == "large" else name

    return changed(
        change_trials(
            whole, lambda trial: changed(trial, load=changed(trial.load, architecture=rename(trial.load.architecture)))
        ),
        release=HOSTILE,
        settings=changed(whole.settings, architectures=["small", HOSTILE]),
        environment=changed(whole.environment, command=f"python -m loadtest --host '{HOSTILE}'", processor=HOSTILE),
        cards={rename(name): card for name, card in whole.cards.items()},
        differences={name: changed(gap, best=rename(gap.best)) for name, gap in whole.differences.items()},
        capacities=[changed(found, architecture=rename(found.architecture)) for found in whole.capacities],
    )
