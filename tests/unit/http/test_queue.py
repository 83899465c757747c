"""How long a request will wait: told beforehand, and held against a simulated server."""

import random

import pytest

from service.http.queue import FIRST_GUESS_SECONDS, MEMORY_SECONDS, Queue


class Server:
    """Answers a queue, one request or several at once, on a clock of its own.

    seconds: for each request; pause: what else it does before each, in seconds; error: relative, of each request.
    """

    def __init__(self, seconds: float, *, pause: float = 0.0, at_once: int = 1, error: float = 0.0) -> None:
        self.queue: Queue[float] = Queue()
        self.now = 1000.0
        self.seconds, self.pause, self.at_once, self.error = seconds, pause, at_once, error
        self._random = random.Random(1)

    def ask(self, requests: int = 1, kind: str = "usual") -> None:
        """Let requests wait, each with the time at which it came."""
        for _ in range(requests):
            self.queue.add(self.now, kind)

    def answer(self, kind: str = "usual") -> list[float]:
        """Answer the first; return how long each has waited until it was begun."""
        self.now += self.pause
        taken = self.queue.take(self.at_once)
        begin = self.now
        self.now += len(taken) * self.seconds * self._random.uniform(1 - self.error, 1 + self.error)
        self.queue.learn(len(taken), begin, self.now, kind)
        return [begin - asked for asked in taken]

    def answer_all(self) -> float:
        """Answer all that wait; return how long the last has waited."""
        waited = 0.0
        while self.queue:
            waited = self.answer()[-1]
        return waited


def told_and_waited(server: Server, requests: int) -> tuple[float, float]:
    """Let a request wait behind others: what was told of its wait, and what it was."""
    server.ask(requests)
    told = server.queue.seconds_until_last()
    server.ask()
    return told, server.answer_all()


def test_nobody_waits_in_an_empty_line() -> None:
    assert Queue[int]().seconds_until_last() == 0.0


def test_before_anything_is_known_a_guess_counts() -> None:
    server = Server(0.1)
    server.ask(10)
    assert server.queue.seconds_until_last() == pytest.approx(10 * FIRST_GUESS_SECONDS)


@pytest.mark.parametrize("seconds", [0.00002, 0.001, 0.05])
@pytest.mark.parametrize("at_once", [1, 64])
def test_what_requests_take_is_learnt(seconds: float, at_once: int) -> None:
    server = Server(seconds, at_once=at_once, error=0.3)
    told_and_waited(server, 300)
    told, waited = told_and_waited(server, 640)
    assert told == pytest.approx(waited, rel=0.2)


@pytest.mark.parametrize("share", [0.5, 2.0, 10.0])
def test_what_passes_between_requests_is_learnt(share: float) -> None:
    """Most of the time may go to reading, writing and the other queue."""
    server = Server(0.01, pause=share * 0.01)
    told_and_waited(server, 1 + int(6 * MEMORY_SECONDS / (0.01 * (1 + share))))
    told, waited = told_and_waited(server, 100)
    assert told == pytest.approx(waited, rel=0.1)


def test_a_server_that_becomes_slower_or_faster_is_noticed() -> None:
    server = Server(0.001)
    told_and_waited(server, 100)
    for seconds in (0.01, 0.002):
        server.seconds = seconds
        told_and_waited(server, 60)
        told, waited = told_and_waited(server, 100)
        assert told == pytest.approx(waited, rel=0.05)


def test_other_work_that_is_over_is_forgotten() -> None:
    server = Server(0.01, pause=0.05)
    told_and_waited(server, 50)
    server.pause = 0.0
    told_and_waited(server, int(5 * MEMORY_SECONDS / 0.01))
    told, waited = told_and_waited(server, 100)
    assert told == pytest.approx(waited, rel=0.05)


def test_time_without_requests_teaches_nothing() -> None:
    server = Server(0.01)
    told_and_waited(server, 50)
    for _ in range(50):
        server.now += 60
        server.ask()
        server.answer()
    told, waited = told_and_waited(server, 100)
    assert told == pytest.approx(waited, rel=0.05)


def test_requests_of_other_kinds_take_as_long_as_those() -> None:
    server = Server(0.001)
    told_and_waited(server, 100)
    server.seconds = 0.1
    for _ in range(100):
        server.ask(kind="long")
        server.answer(kind="long")
    server.ask(10)
    assert server.queue.seconds_until_last() == pytest.approx(10 * 0.001, rel=0.05)
    server.ask(10, kind="long")
    assert server.queue.seconds_until_last() == pytest.approx(10 * 0.101, rel=0.05)


def test_a_line_that_has_emptied_says_exactly_nothing() -> None:
    server = Server(0.0007, error=0.5)
    for _ in range(100):
        server.ask(7)
        server.answer_all()
        assert (len(server.queue), server.queue.seconds_until_last()) == (0, 0.0)


def test_requests_that_nobody_waits_for_any_more_make_the_wait_shorter() -> None:
    server = Server(0.01)
    told_and_waited(server, 50)
    server.ask(100)
    before = server.queue.seconds_until_last()
    server.queue.take(50)
    server.queue.learn(0, server.now, server.now)
    assert server.queue.seconds_until_last() == pytest.approx(before / 2)


def test_first_come_first_served() -> None:
    queue: Queue[int] = Queue()
    for number in range(5):
        queue.add(number)
    assert (queue.take(2), queue.take(1), queue.take(9), queue.take(1)) == ([0, 1], [2], [3, 4], [])
