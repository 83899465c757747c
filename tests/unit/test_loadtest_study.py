"""A study under way: whose turn it is, what is run again, and what is kept."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.record.errors import MeasurementError
from loadtest.record.results import Settings
from loadtest.record.results_file import load_results
from loadtest.record.samples import CUT_OFF, DROPPED, REFUSED
from loadtest.record.trials import Gate, Load, Trial
from loadtest.study import study as module
from loadtest.study.deadline import Deadline
from loadtest.study.machine import describe
from loadtest.study.study import Study
from loadtest.study.trial import Bench
from loadtest.target.catalogue import ServedModels

SETTINGS = Settings(
    host="http://service.example",
    architectures=[],
    body="json",
    rows=64,
    slo_p99_ms=50,
    quick=False,
    blocks=5,
    seconds=4,
    warm_up_seconds=1,
    arrivals="poisson",
    seed=3,
    processes=1,
    price_per_core_hour=None,
)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Study]:
    """Make a study without a service; its arguments are settings."""

    def make(spare: float = 60, **settings: object) -> Study:
        return Study(
            settings=SETTINGS.model_copy(update=settings),
            catalogue=ServedModels(host="http://service.example", release="20260101t000000-abcdef", cards={}),
            bench=Bench("http://service.example", None, tmp_path, 50, [0], 1),
            service_processors=[0],
            environment=describe(service_processors=None, workers=None),
            folder=tmp_path,
            tell=lambda what: None,
            deadline=Deadline(math.inf, 0, spare=spare),
        )

    return make


def turns(study: Study, blocks: int = 8, phase: str = "search") -> list[list[str]]:
    """Architectures in their order: a list for each block."""
    found = list(study.turns(blocks, phase))
    return [[name for block, name in found if block == number] for number in range(1, blocks + 1)]


def test_every_architecture_has_one_turn_in_every_block(start: Callable[..., Study]) -> None:
    names = ["small", "large", "wide"]
    blocks = turns(start(architectures=names), blocks=5)
    assert [sorted(block) for block in blocks] == [sorted(names)] * 5


def test_every_second_block_goes_back(start: Callable[..., Study]) -> None:
    blocks = turns(start(architectures=["small", "large", "wide"]))
    assert blocks[1::2] == [block[::-1] for block in blocks[::2]]


def test_the_order_is_random_and_the_seeds(start: Callable[..., Study]) -> None:
    names = ["a", "b", "c", "d", "e"]
    orders = [
        turns(start(architectures=names, seed=seed), phase=phase)
        for seed, phase in ((1, "search"), (2, "search"), (1, "curve"))
    ]
    assert len({str(order) for order in orders}) == 3
    assert len({str(block) for block in orders[0][::2]}) > 1
    assert turns(start(architectures=names, seed=1)) == orders[0]


def test_no_two_settings_offer_the_same_arrivals(start: Callable[..., Study]) -> None:
    seeds = [
        start(seed=seed).open_load("small", 100, 4, place).seed for seed in (0, 1) for place in (0, 1, 100, 500, 99_999)
    ]
    assert len(set(seeds)) == len(seeds)


def test_loads_are_of_the_studys_kind_unless_a_sweep_says_otherwise(start: Callable[..., Study]) -> None:
    study = start(body="npy", rows=8, arrivals="constant", warm_up_seconds=2.0)
    opened, closed = study.open_load("small", 100, 4, 5), study.closed_load("large", 16, 3, rows=256)
    assert opened == Load(
        architecture="small",
        body="npy",
        rows=8,
        rate=100,
        in_flight=None,
        arrivals="constant",
        seconds=4,
        warm_up_seconds=2,
        seed=3_000_005,
    )
    assert (closed.rate, closed.in_flight, closed.rows, closed.body) == (None, 16, 256, "npy")
    assert study.closed_load("large", 16, 3).rows == 8


def trial(load: Load, *, number: int, ok: bool | None, answered: int = 100) -> Trial:
    return Trial(
        number=number,
        phase="curve",
        block=1,
        load=load,
        offered=100,
        dropped=0,
        answered=answered,
        late=0,
        backlog=0,
        failures={} if answered else {"status 500": 90, "no answer: ConnectionResetError": 10},
        requests_per_second=25,
        latency=None,
        split=None,
        lateness_p99_ms=1,
        generator_share=0.1,
        steal_share=None,
        server=None,
        gates=[Gate(name="client lateness", figure=1, limit=5, ok=ok)],
        verdict="pass",
    )


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the next trials end so: gates ok or not, and right answers."""

    def plan(*ends: tuple[bool | None, int]) -> None:
        coming = iter(ends)

        def measure_trial(bench: Bench, load: Load, *, number: int, **_: object) -> Trial:
            ok, answered = next(coming)
            return trial(load, number=number, ok=ok, answered=answered)

        monkeypatch.setattr(module, "measure_trial", measure_trial)

    return plan


ENDS = {
    "passes": ([(True, 100)], [False]),
    "can't be checked": ([(None, 100)], [False]),
    "passes when run again": ([(False, 100), (True, 100)], [True, False]),
    "fails each time": ([(False, 100)] * 3, [True, True, False]),
}


@pytest.mark.parametrize(("ends", "replaced"), ENDS.values(), ids=ENDS)
def test_a_trial_that_fails_a_gate_is_run_again_and_all_are_kept(
    ends: list[tuple[bool | None, int]],
    replaced: list[bool],
    start: Callable[..., Study],
    outcomes: Callable[..., None],
    tmp_path: Path,
) -> None:
    study = start()
    outcomes(*ends)
    last = study.measure(study.open_load("small", 100, 4, 1), "curve", 1)
    assert [trial.replaced for trial in study.trials] == replaced
    assert [trial.number for trial in study.trials] == list(range(1, len(ends) + 1))
    assert last == study.trials[-1]
    assert load_results(tmp_path).trials == study.trials


def test_without_time_to_spare_no_trial_is_run_again(
    start: Callable[..., Study], outcomes: Callable[..., None]
) -> None:
    study = start(spare=0)
    outcomes((False, 100))
    study.measure(study.open_load("small", 100, 4, 1), "curve", 1)
    assert [trial.replaced for trial in study.trials] == [False]


def test_what_was_measured_is_on_disk_after_each_trial(
    start: Callable[..., Study], outcomes: Callable[..., None], tmp_path: Path
) -> None:
    study = start()
    for number in (1, 2, 3):
        outcomes((True, 100))
        study.measure(study.open_load("small", 100, 4, number), "curve", 1)
        kept = load_results(tmp_path)
        assert (len(kept.trials), kept.partial) == (number, "it was cut short")


def test_an_architecture_that_never_answers_rightly_ends_the_study_and_is_kept(
    start: Callable[..., Study], outcomes: Callable[..., None], tmp_path: Path
) -> None:
    study = start()
    outcomes((False, 0))
    with pytest.raises(
        MeasurementError, match=r"small must answer rightly, however: .*90 x status 500, 10 x no answer"
    ):
        study.measure(study.open_load("small", 100, 4, 1), "curve", 1)
    assert [trial.answered for trial in load_results(tmp_path).trials] == [0]


DROPPED_ALL, REFUSED_ALL = {DROPPED: 27, CUT_OFF: 3}, {"no answer: ConnectionRefusedError": 30}
LIVES = {
    "more than it stands": (100.0, DROPPED_ALL, 0, False),
    "more than it stands, and a failure": (100.0, {**DROPPED_ALL, "status 500": 1}, 0, True),
    "refused": (100.0, REFUSED_ALL, 0, True),
    "refused by a proxy": (100.0, {REFUSED: 30}, 0, True),
    "nothing sent": (100.0, {}, 0, True),
    "a closed loop that waits in vain": (None, {CUT_OFF: 4}, 0, True),
    "one right answer": (100.0, REFUSED_ALL, 1, False),
}


@pytest.mark.parametrize(("rate", "failures", "answered", "dead"), LIVES.values(), ids=LIVES)
def test_a_service_is_dead_where_it_answers_nothing_and_not_where_too_much_was_asked(
    rate: float | None, failures: dict[str, int], answered: int, dead: bool, start: Callable[..., Study]
) -> None:
    load = start().open_load("small", 100, 4, 1).model_copy(update={"rate": rate})
    answerless = trial(load, number=1, ok=True, answered=answered).model_copy(update={"failures": failures})
    assert module.is_dead(answerless) is dead
