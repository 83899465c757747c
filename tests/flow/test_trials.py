"""Trials of a study against a real service: one open, one closed, one at a service that lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.options import parse
from loadtest.record.errors import MeasurementError
from loadtest.record.results_file import load_results
from loadtest.record.samples import load_samples
from loadtest.record.trials import Gate, Trial
from loadtest.study.study import SAMPLES_FOLDER, Study, open_study
from loadtest.target.server import Server
from tests.flow.loads import Liar, pretend

SECONDS, WARM_UP_SECONDS, RATE = 1.5, 0.5, 60
OF_TIME = {"client lateness", "achieved", "service undisturbed", "generator CPU"}
"""Gates that a busy machine fails."""


@contextmanager
def study_of(folder: Path, *arguments: str) -> Iterator[Study]:
    settings = parse(["--rows", "2", *arguments]).settings.model_copy(update={"warm_up_seconds": WARM_UP_SECONDS})
    with open_study(settings, folder, lambda what: None) as study:
        yield study


@pytest.fixture
def study(service: Server, tmp_path: Path) -> Iterator[Study]:
    with study_of(tmp_path, "--host", service.url) as study:
        yield study


def gates(trial: Trial) -> dict[str, Gate]:
    return {gate.name: gate for gate in trial.gates if gate.name not in OF_TIME}


def assert_counts_agree(trial: Trial, requests: int) -> None:
    """The service counted what the client had, to the request, and nothing else was wrong."""
    assert gates(trial)["counts agree"].parts == {"counted": requests, "answered": requests}
    assert [name for name, gate in gates(trial).items() if not gate.ok] == []


def test_an_open_trial(study: Study, tmp_path: Path) -> None:
    trial = study.measure(study.open_load("small", RATE, SECONDS, seed=9), "curve", block=1)
    whole = list(Schedule(RATE, WARM_UP_SECONDS + SECONDS, seed=(9, 0, 0)).times())
    samples = load_samples(tmp_path / SAMPLES_FOLDER / f"{trial.number:04}.npz")
    assert len(samples) == len(whole)
    # The warm-up counts from the first arrival, as it is known afterwards.
    judged = sum(instant - whole[0] >= WARM_UP_SECONDS for instant in whole)
    assert (trial.offered, trial.answered, trial.dropped, trial.failures) == (judged, judged, 0, {})
    assert_counts_agree(trial, len(whole))
    assert trial.split is not None
    assert trial.split.parse_ms > 0
    assert trial.latency is not None
    assert trial.latency.p50_ms <= trial.latency.p95_ms <= trial.latency.p99_ms
    kept = load_results(tmp_path)
    assert (kept.trials, set(kept.cards)) == (study.trials, {"small", "large"})
    assert kept.partial is not None


def test_a_closed_trial_of_a_broken_number_of_seconds(study: Study, tmp_path: Path) -> None:
    trial = study.measure(study.closed_load("large", 2, SECONDS - 0.25), "saturation", block=1)
    samples = load_samples(tmp_path / SAMPLES_FOLDER / f"{trial.number:04}.npz")
    assert samples.architectures == ("large",)
    assert 0 < trial.answered == trial.offered <= len(samples)
    assert_counts_agree(trial, len(samples))
    assert (trial.verdict, trial.split, trial.failures) == (None, None, {})


def test_arrivals_of_two_generators_are_one_trial(service: Server, tmp_path: Path) -> None:
    with study_of(tmp_path, "--host", service.url, "--generators", "2") as study:
        load = study.open_load("small", RATE, SECONDS, seed=4)
        trial = study.measure(load, "curve", block=1)
    samples = load_samples(tmp_path / SAMPLES_FOLDER / f"{trial.number:04}.npz")
    sources = [Schedule(RATE / 2, WARM_UP_SECONDS + SECONDS, seed=(4, index, 0)) for index in (0, 1)]
    planned = sum(len(list(source.times())) for source in sources)
    assert_counts_agree(trial, planned)
    assert len(samples) == planned
    assert trial.offered == trial.answered + sum(trial.failures.values())
    assert load_results(tmp_path).settings.processes == 2


def test_a_service_that_lies_is_found_out(service: Server, tmp_path: Path) -> None:
    failed = pytest.raises(MeasurementError, match=r"small must answer rightly, however: .* x wrong value")
    with pretend(Liar, service.url) as liar, study_of(tmp_path, "--host", liar.url) as study, failed:
        study.measure(study.open_load("small", RATE, 1, 0), "curve", block=1)
    (trial,) = load_results(tmp_path).trials
    assert gates(trial)["answers correct"].ok is False
    assert (trial.answered, trial.replaced) == (0, False)


def test_samples_of_an_earlier_study_do_not_pass_for_this_ones(service: Server, tmp_path: Path) -> None:
    left = tmp_path / SAMPLES_FOLDER / "0001.npz"
    left.parent.mkdir()
    left.write_bytes(b"of yesterday")
    with pretend(Liar, service.url) as gone, study_of(tmp_path, "--host", gone.url) as study:
        load = study.closed_load("small", 1, 1)
    with pytest.raises(MeasurementError, match=r"Locust must write its samples, however: .*Start it or correct --host"):
        study.measure(load, "saturation", block=1)
    assert not left.exists()
