"""Whole studies on simulated time: they end when they said, whatever the machine does."""

import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from loadtest.analysis.counts import find_missing
from loadtest.record.errors import MeasurementError
from loadtest.record.samples import CUT_OFF
from loadtest.record.trials import Load, Phase, Trial, Verdict
from loadtest.study import locust_run, phases
from loadtest.study import study as module
from loadtest.study.deadline import LEAST_SECONDS, LONGEST
from loadtest.study.machine import available, describe
from loadtest.study.plan import END_SECONDS, make_plan, run
from loadtest.study.search import REPEATS, Shown
from loadtest.study.study import Study, expect_seconds
from loadtest.study.trial import Bench
from loadtest.target.catalogue import ServedModels
from tests import studies
from tests.cards import RELEASE, make_card
from tests.queues import Queue, deterministic
from tests.searches import default_settings, search_blocks
from tests.simulated import Run

SETTINGS = studies.study().settings.model_copy(update={"host": "http://service.example"})
PROFILES = {profile.name: profile for profile in (studies.SMALL, studies.LARGE)}
RATES = [profile.saturation(SETTINGS.rows) for profile in PROFILES.values()]
QUICK = {"quick": True, "blocks": 3}


class Machine:
    """Measures trials as a queue's formulas make them, on its own time.

    slowness: times the seconds that a trial should take; disturbed: every trial fails a gate; verdicts: of the trials,
    in turn, whatever was offered.
    """

    def __init__(self, slowness: float = 1.0, *, disturbed: bool = False, verdicts: tuple[Verdict, ...] = ()) -> None:
        self.slowness, self.disturbed = slowness, disturbed
        self.verdicts = itertools.cycle(verdicts) if verdicts else None
        self.now = 0.0
        self.run = Run(rows=SETTINGS.rows, seed=1)

    def clock(self) -> float:
        return self.now

    def measure_trial(self, bench: Bench, load: Load, *, phase: Phase, block: int, number: int, **_: object) -> Trial:
        self.now += self.slowness * expect_seconds(load, 1)
        profile = PROFILES[load.architecture]
        if load.rate is None:
            trial = self.run.closed(phase, block, profile, load.in_flight or 0, load.rows)
        else:
            trial = self.run.open(phase, block, profile, load.rate)
        if self.verdicts is not None:
            trial = trial.model_copy(update={"verdict": next(self.verdicts), "gates": []})
        gates = [studies.LATE] if self.disturbed else trial.gates
        return trial.model_copy(update={"number": number, "load": load, "gates": gates})


@pytest.fixture
def study_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Study]:
    """Make a study whose trials a machine measures; the other arguments are settings."""

    def make(machine: Machine, **settings: object) -> Study:
        kind = SimpleNamespace(route="", media_type="", payloads=[SimpleNamespace(body=b"")])
        monkeypatch.setattr(module, "measure_trial", machine.measure_trial)
        monkeypatch.setattr(phases, "make_kind", lambda *_: kind)
        monkeypatch.setattr(phases, "accepts_body", lambda *_: True)
        cards: Any = {name: make_card(profile) for name, profile in PROFILES.items()}
        return Study(
            settings=SETTINGS.model_copy(update=settings),
            catalogue=ServedModels(host="http://service.example", release=RELEASE, cards=cards),
            bench=Bench("http://service.example", None, tmp_path, SETTINGS.slo_p99_ms, [0], 1),
            service_processors=[0],
            environment=describe(service_processors=None, workers=None),
            folder=tmp_path,
            tell=lambda what: None,
            clock=machine.clock,
            began=machine.now,
        )

    return make


def carry_out(study: Study) -> tuple[str | None, float]:
    """Return why the study is not whole, if it is not, and how many times the announced seconds it took."""
    plan = make_plan(study.settings, RATES)
    partial = run(study, plan)
    return partial, (study.clock() - study.began + END_SECONDS) / plan.seconds


def blocks_of(study: Study, phase: Phase) -> set[int]:
    """Blocks in which every architecture was measured."""
    seen = [{t.block for t in study.trials if (t.phase, t.load.architecture) == (phase, name)} for name in PROFILES]
    return set.intersection(*seen)


@pytest.mark.parametrize("settings", [{}, QUICK, {"blocks": 1, "seconds": 1.0}], ids=["whole", "quick", "small"])
def test_an_undisturbed_study_is_whole_and_takes_what_it_announced(
    settings: dict[str, object], study_on: Callable[..., Study]
) -> None:
    study = study_on(Machine(), **settings)
    partial, share = carry_out(study)
    assert partial is None
    assert find_missing(study.results(partial="looked at")) == ()
    assert 0.7 <= share <= 1.2


@pytest.mark.parametrize("settings", [{}, QUICK], ids=["whole", "quick"])
def test_where_every_trial_fails_a_gate_a_study_still_ends_in_time(
    settings: dict[str, object], study_on: Callable[..., Study]
) -> None:
    study = study_on(Machine(disturbed=True), **settings)
    _, share = carry_out(study)
    assert share <= LONGEST
    assert any(trial.replaced for trial in study.trials)
    assert not study.results(partial=None).valid


@pytest.mark.parametrize("slowness", [1.4, 2.0, 3.0, 10.0, 50.0])
@pytest.mark.parametrize("settings", [{}, QUICK], ids=["whole", "quick"])
def test_on_a_slow_machine_a_study_ends_in_time_and_says_what_it_left_out(
    slowness: float, settings: dict[str, object], study_on: Callable[..., Study]
) -> None:
    study = study_on(Machine(slowness, disturbed=True), **settings)
    partial, share = carry_out(study)
    # What is not known of the pace is that of the first trial.
    assert share <= LONGEST + slowness * (SETTINGS.seconds + 10) / make_plan(study.settings, RATES).seconds
    if slowness >= 2:
        assert partial is not None
        assert "its time was over" in partial
        assert find_missing(study.results(partial=partial))


@pytest.mark.parametrize("slowness", [1.0, 1.4, 2.0, 3.0])
def test_a_block_of_everything_comes_before_all_blocks_of_the_beginning(
    slowness: float, study_on: Callable[..., Study]
) -> None:
    study = study_on(Machine(slowness))
    carry_out(study)
    phases: tuple[Phase, ...] = ("in flight", "search", "curve", "rows")
    assert [1 in blocks_of(study, phase) for phase in phases] == [True] * 4


def test_a_first_block_that_goes_slowly_is_not_left_in_pieces(study_on: Callable[..., Study]) -> None:
    study = study_on(Machine(2.0), blocks=1, seconds=1.0)
    carry_out(study)
    users = [(trial.load.architecture, trial.load.in_flight) for trial in study.trials if trial.phase == "in flight"]
    assert sorted(users) == sorted((name, count) for name in PROFILES for count in phases.IN_FLIGHT)


@pytest.mark.parametrize("verdicts", [("pass",), ("fail", "pass"), ("pass", "undecided", "fail")])
def test_a_search_has_a_bound_on_its_trials(verdicts: tuple[Verdict, ...], study_on: Callable[..., Study]) -> None:
    study = study_on(Machine(verdicts=verdicts), blocks=2)
    study.measure(study.closed_load("small", 16, 4), "in flight", 1)
    study.measure(study.closed_load("large", 16, 4), "in flight", 1)
    phases.find_capacities(study)
    trials = Counter((t.load.architecture, t.block) for t in study.trials if t.phase == "search")
    assert max(trials.values()) <= phases.MOST_PROBES + REPEATS - 1


def test_slow_services_are_announced_longer_trials_for_a_p99_needs_its_requests() -> None:
    fast, slow = (make_plan(SETTINGS, [rate, rate]).seconds for rate in (math.inf, 20.0))
    assert slow > 3 * fast


@pytest.mark.parametrize("service_ms", [0.4, 5.0, 15.0])
def test_searches_on_simulated_time_take_no_longer_than_announced(service_ms: float) -> None:
    settings = default_settings(50.0)
    plan = make_plan(settings, [1000 / service_ms])
    (part,) = [part for part in plan.parts if part.measure is phases.find_capacities]
    queue = Queue(deterministic(service_ms / 1000))
    took = [search_blocks(seed, queue, 1000 / service_ms, settings).seconds for seed in range(20)]
    # 5 %: searches of services that take a third of the SLO scatter, and a study may take half as long again.
    assert np.mean(took) <= 1.05 * (part.blocks * part.seconds + part.more_at_first)


@pytest.mark.parametrize(
    ("late", "backlog", "verdict", "share"),
    [(0, 0, "pass", 0.0), (9, 0, "undecided", 0.009), (400, 0, "fail", 0.4), (0, 300, "fail", 1.0)],
    ids=["none late", "few late", "many late", "none late, and a queue that grows"],
)
def test_a_search_goes_by_the_share_of_late_requests(late: int, backlog: int, verdict: str, share: float) -> None:
    trial = next(trial for trial in studies.study().trials if trial.phase == "search")
    shown = studies.changed(trial, late=late, offered=1_000, backlog=backlog, verdict=verdict)
    assert phases.read_answer(shown) == Shown(share, trial.load.seconds)


def test_the_shortest_study_is_announced_as_a_minute() -> None:
    settings = SETTINGS.model_copy(update={"quick": True, "blocks": 1, "seconds": 1.0})
    assert make_plan(settings, RATES).seconds == LEAST_SECONDS


def test_a_study_of_several_generators_is_announced_as_longer() -> None:
    one, two = (SETTINGS.model_copy(update={"processes": processes}) for processes in (1, 2))
    assert make_plan(two, RATES).seconds > make_plan(one, RATES).seconds


def test_locust_that_hangs_is_ended_with_the_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hangs = [sys.executable, "-c", "import signal; signal.pause()"]
    monkeypatch.setattr(locust_run, "_command", lambda *_: hangs)
    bench = Bench("http://service.example", None, tmp_path, SETTINGS.slo_p99_ms, available(), 1)
    load = studies.study().trials[0].load
    with pytest.raises(MeasurementError, match="Locust must end within 1 s, however: it went on"):
        bench.run(load, bench.host, "0001", longest_seconds=0.6)


class Alone:
    """A service with one architecture, which is asked and measured. failures: reason -> requests, of ten."""

    def __init__(self, failures: dict[str, int]) -> None:
        self.failures = failures
        self.variables: list[dict[str, str]] = []
        self.names: list[str] = []
        self.server = SimpleNamespace(url="http://alone", ready_seconds=1.5, worker_memory_bytes=lambda: 77)

    @contextmanager
    def serve_on(self, processors: list[int], **variables: str) -> Iterator[SimpleNamespace]:
        self.variables.append(variables)
        yield self.server

    def run(self, load: Load, host: str, name: str, **_: object) -> SimpleNamespace:
        self.names.append(name)
        failure = np.arange(10) < sum(self.failures.values())
        return SimpleNamespace(failure=failure.astype(int), count_failures=lambda: self.failures)


@pytest.fixture
def alone_with(study_on: Callable[..., Study], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Study, Alone]]:
    def make(failures: dict[str, int]) -> tuple[Study, Alone]:
        alone, study = Alone(failures), study_on(Machine())
        monkeypatch.setattr(phases, "serve_on", alone.serve_on)
        study.bench = cast("Bench", alone)
        return study, alone

    return make


def test_each_architecture_alone_keeps_the_samples_of_its_own(alone_with: Callable[..., tuple[Study, Alone]]) -> None:
    study, alone = alone_with({CUT_OFF: 2})
    phases.measure_alone(study)
    assert alone.names == ["alone-small", "alone-large"]
    assert {name: found.worker_memory_bytes for name, found in study.alone.items()} == {"small": 77, "large": 77}
    assert study.notes == []


def test_wrong_answers_of_an_architecture_alone_are_noted(alone_with: Callable[..., tuple[Study, Alone]]) -> None:
    study, _ = alone_with({"status 500": 3})
    phases.measure_alone(study)
    assert [note for note in study.notes if "3 x status 500" in note and note.startswith("small")]


def test_an_architecture_alone_that_never_answers_rightly_is_no_figure(
    alone_with: Callable[..., tuple[Study, Alone]],
) -> None:
    study, _ = alone_with({"status 413": 10})
    with pytest.raises(MeasurementError, match="small served alone must answer rightly, however: 10 x status 413"):
        phases.measure_alone(study)
    assert study.alone == {}


def test_every_service_of_a_study_takes_the_same_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, str]] = []

    @contextmanager
    def serve_newest(**variables: str) -> Iterator[None]:
        started.append(variables)
        yield

    monkeypatch.setattr(module, "serve_newest", serve_newest)
    with module.serve_on(available(), ARCHSCALE_WORKERS="1"):
        pass
    assert started == [{"ARCHSCALE_MAX_BODY_BYTES": module.LARGEST_BODY_BYTES, "ARCHSCALE_WORKERS": "1"}]
