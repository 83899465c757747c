"""Services that fail while arrivals keep coming: every request is kept with its reason, and nothing hangs."""

from pathlib import Path

import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import NO_ANSWER, Samples, load_samples
from loadtest.target.server import Server
from tests.flow.loads import TRUE_ANSWERS, Dying, Liar, Pretender, locust, pretend

RATE, SECONDS, SEED = 60, 1.0, 2
OFFERED = len(list(Schedule(RATE, SECONDS, seed=(SEED, 0, 0)).times()))


class Failing(Pretender):
    """Answers with status 500."""

    def predict(self) -> None:
        self.answer(500, b"{}")


class Empty(Pretender):
    """Answers with status 200 and nothing else."""

    def predict(self) -> None:
        self.answer(200, b"")


class Upgraded(Pretender):
    """Answers rightly, and says that another release does."""

    def predict(self) -> None:
        self.server.release = "20990101t000000-ffffff"
        self.predict_truly()


WRONG: dict[str, tuple[type[Pretender], str, int]] = {
    "status 500": (Failing, "status 500", 500),
    "wrong values": (Liar, "wrong value", 200),
    "nothing": (Empty, "unreadable answer", 200),
    "another release": (Upgraded, "answered by release 20990101t000000-ffffff", 200),
}


def offer(url: str, file: Path, *users: str) -> tuple[Samples, int, str]:
    """Return the samples, Locust's exit code, and its words."""
    options = ("--rate", str(RATE), "--seconds", f"{SECONDS:g}", "--seed", str(SEED), "--results", str(file))
    ended = locust(*users, "--host", url, *options)
    assert "Traceback" not in ended.stderr
    return load_samples(file), ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(("handler", "reason", "status"), WRONG.values(), ids=WRONG)
def test_wrong_answers_are_counted_by_their_reason(
    handler: type[Pretender], reason: str, status: int, service: Server, tmp_path: Path
) -> None:
    with pretend(handler, service.url) as server:
        samples, code, words = offer(server.url, tmp_path / "samples.npz", "OpenSmallUser")
    assert code == 1
    assert len(samples) == OFFERED
    assert set(samples.status) == {status}
    ((named, count),) = samples.count_failures().items()
    assert named.startswith(reason)
    assert count == OFFERED
    assert reason in words


def test_a_service_that_dies_half_way_is_asked_on_and_the_test_ends(service: Server, tmp_path: Path) -> None:
    with pretend(Dying, service.url) as server:
        samples, code, words = offer(server.url, tmp_path / "samples.npz", "OpenSmallUser")
    assert code == 1
    assert len(samples) == OFFERED
    right = samples.failure == 0
    assert right.sum() == TRUE_ANSWERS
    assert set(samples.status[~right]) == {NO_ANSWER}
    assert all(reason.startswith("no answer: Connection") for reason in samples.count_failures())
    assert "no answer: Connection" in words


def test_a_service_that_is_gone_before_the_load_is_an_error_of_the_input(service: Server, tmp_path: Path) -> None:
    with pretend(Failing, service.url) as server:
        url = server.url
    ended = locust("OpenSmallUser", "--host", url, "--rate", "5", "--seconds", "1", "--results", str(tmp_path / "none"))
    assert (ended.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "Start it or correct --host." in ended.stderr
