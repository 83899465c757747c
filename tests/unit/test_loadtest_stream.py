"""The connection of the client under load: all bytes, in order, and an end to every wait."""

import socket
from collections.abc import Iterator

import gevent
import pytest

from loadtest.generator.stream import Stream

SECONDS = 10.0
LARGE = bytes(range(256)) * 20_000
"""More than the buffers of both ends hold: five megabytes."""


@pytest.fixture
def ends() -> Iterator[tuple[Stream, Stream]]:
    """Both ends of a connection."""
    this, other = (Stream(end, SECONDS) for end in socket.socketpair())
    yield this, other
    this.close()
    other.close()


def receive(stream: Stream, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        heard += stream.recv(65_536)
    return heard


def test_what_is_sent_is_received(ends: tuple[Stream, Stream]) -> None:
    this, other = ends
    this.sendall(b"question")
    assert other.recv(100) == b"question"
    other.sendall(b"answer")
    assert (this.recv(3), this.recv(100)) == (b"ans", b"wer")


def test_more_than_the_buffers_hold_is_sent_while_it_is_received(ends: tuple[Stream, Stream]) -> None:
    this, other = ends
    sender = gevent.spawn(this.sendall, LARGE)
    assert receive(other, len(LARGE)) == LARGE
    sender.get(timeout=SECONDS)


def test_a_wait_lets_others_run(ends: tuple[Stream, Stream]) -> None:
    this, other = ends
    gevent.spawn(other.sendall, b"late")
    assert this.recv(100) == b"late"


def test_the_end_of_a_connection_is_nothing_to_receive_and_a_broken_pipe_to_send() -> None:
    this, other = (Stream(end, SECONDS) for end in socket.socketpair())
    other.close()
    assert this.recv(100) == b""
    with pytest.raises(BrokenPipeError):
        this.sendall(b"more")
    this.close()


def test_silence_ends_and_the_connection_can_be_used_on() -> None:
    this, other = (Stream(end, 0.2) for end in socket.socketpair())
    for _ in range(2):
        with pytest.raises(TimeoutError):
            this.recv(100)
    other.sendall(b"at last")
    assert this.recv(100) == b"at last"
    this.close()
    other.close()


def test_every_wait_has_the_whole_time_to_itself() -> None:
    """However long the waits before it were together."""
    this, other = (Stream(end, 1.5) for end in socket.socketpair())
    for _ in range(4):
        gevent.spawn_later(0.4, other.sendall, b"x")
        assert this.recv(100) == b"x"
    this.close()
    other.close()


def test_a_peer_that_takes_nothing_ends_the_sending() -> None:
    this, other = (Stream(end, 0.02) for end in socket.socketpair())
    with pytest.raises(TimeoutError):
        this.sendall(LARGE)
    this.close()
    other.close()


def test_whoever_is_killed_while_it_waits_leaves_nothing_behind(ends: tuple[Stream, Stream]) -> None:
    this, other = ends
    waiting = gevent.spawn(this.recv, 100)
    gevent.sleep(0)
    waiting.kill()
    assert waiting.dead
    other.sendall(b"for the next")
    assert this.recv(100) == b"for the next"
