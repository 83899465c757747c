"""Open arrivals at a service that is too slow for them: they keep coming, and every latency tells of the queue."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import CUT_OFF, DROPPED, NO_ANSWER, REFUSED, Samples, load_samples
from loadtest.target.server import Server
from tests.flow.loads import LOCUSTFILE, SERVICE_SECONDS, OneAtATime, Pretender, locust, pretend

RATE, SECONDS, SEED = 40, 1.0, 3
"""Twice as many as can be answered."""


class Counting(OneAtATime):
    """Knows how many requests it had at a time."""

    now, most = 0, 0
    counting = threading.Lock()

    def predict(self) -> None:
        with self.counting:
            Counting.now += 1
            Counting.most = max(Counting.most, Counting.now)
        try:
            super().predict()
        finally:
            with self.counting:
                Counting.now -= 1


class Busy(Pretender):
    """Refuses at once, as a service does that has too much to do."""

    def predict(self) -> None:
        self.answer(503, b"{}")


@pytest.fixture(scope="module")
def slow(service: Server) -> Iterator[str]:
    """URL of a service that answers one request after the other."""
    with pretend(OneAtATime, service.url) as server:
        yield server.url


def schedule() -> npt.NDArray[np.float64]:
    return np.array(list(Schedule(RATE, SECONDS, seed=(SEED, 0, 0)).times()))


def overload(
    url: str, file: Path, *arguments: str, seconds: float = SECONDS, locustfile: str = LOCUSTFILE
) -> tuple[Samples, int, str]:
    """Offer too much; return the samples, Locust's exit code and its words."""
    options = ("--rate", str(RATE), "--seconds", f"{seconds:g}", "--seed", str(SEED), "--results", str(file))
    ended = locust("OpenSmallUser", "--host", url, *options, *arguments, locustfile=locustfile)
    return load_samples(file), ended.returncode, ended.stdout + ended.stderr


def test_latencies_grow_with_the_queue_although_every_service_takes_the_same_time(slow: str, tmp_path: Path) -> None:
    # Waits after the last arrival for no more than the SLO, within which all answers come.
    impatient = "tests/flow/impatient.py"
    samples, code, _ = overload(slow, tmp_path / "samples.npz", "--slo-p99-ms", "20000", locustfile=impatient)
    assert (code, samples.failures, len(samples)) == (0, (), len(schedule()))
    # The n-th answer comes after n services, so that whoever comes n-th waits the longer the later it comes.
    begin = samples.scheduled.min()
    least = begin + SERVICE_SECONDS * np.arange(1, len(samples) + 1)
    assert (np.sort(samples.done) >= least).all()
    last = samples.latency_ms[np.argmax(samples.done)]
    assert last >= 1000 * (SERVICE_SECONDS * len(samples) - SECONDS)
    assert last >= 10 * 1000 * SERVICE_SECONDS
    np.testing.assert_allclose(np.sort(samples.scheduled) - begin, schedule() - schedule()[0], atol=2e-6)


def test_arrivals_that_find_too_many_under_way_are_dropped_and_counted(service: Server, tmp_path: Path) -> None:
    with pretend(Counting, service.url) as server:
        samples, code, words = overload(server.url, tmp_path / "samples.npz", "--most-under-way", "3")
    assert code == 1
    assert len(samples) == len(schedule())
    dropped = samples.failed_for(DROPPED)
    assert 0 < dropped.sum() < len(samples)
    assert set(samples.status[dropped]) == {NO_ANSWER}
    assert samples.count_failures() == {DROPPED: int(dropped.sum())}
    assert DROPPED in words
    assert Counting.most <= 3


def test_a_test_that_is_lost_ends_early_and_cuts_off_what_is_under_way(slow: str, tmp_path: Path) -> None:
    limits = ("--slo-p99-ms", "20", "--stop-after-late", "5")
    samples, code, words = overload(slow, tmp_path / "samples.npz", *limits, seconds=3600)
    assert code == 1
    answered = samples.status != NO_ANSWER
    assert (samples.latency_ms[answered] > 20).sum() >= 5
    assert samples.count_failures() == {CUT_OFF: int((~answered).sum())}
    assert CUT_OFF in words
    assert len(samples) < RATE * 60


def test_what_is_late_in_the_warm_up_does_not_end_the_test(slow: str, tmp_path: Path) -> None:
    limits = ("--slo-p99-ms", "20", "--stop-after-late", "1", "--warm-up", f"{SECONDS:g}")
    samples, code, _ = overload(slow, tmp_path / "samples.npz", *limits)
    assert (code, len(samples)) == (0, len(schedule()))


def test_a_dropped_arrival_is_late(slow: str, tmp_path: Path) -> None:
    limits = ("--slo-p99-ms", "29999", "--stop-after-late", "2", "--most-under-way", "1")
    samples, code, _ = overload(slow, tmp_path / "samples.npz", *limits, seconds=3600)
    assert (code, samples.count_failures()[DROPPED]) == (1, 2)


def test_a_refused_arrival_is_late(service: Server, tmp_path: Path) -> None:
    with pretend(Busy, service.url) as busy:
        samples, code, _ = overload(busy.url, tmp_path / "samples.npz", "--stop-after-late", "3", seconds=3600)
    assert code == 1
    assert 3 <= samples.count_failures()[REFUSED] < RATE * 60
