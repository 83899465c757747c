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
    one, other = (Stream(end, SECONDS) for end in socket.socketpair())
    yield one, other
    one.close()
    other.close()


def receive(stream: Stream, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        heard += stream.recv(65_536)
    return heard


def test_what_is_sent_is_received(ends: tuple[Stream, Stream]) -> None:
    one, other = ends
    one.sendall(b"question")
    assert other.recv(100) == b"question"
    other.sendall(b"answer")
    assert (one.recv(3), one.recv(100)) == (b"ans", b"wer")


def test_more_than_the_buffers_hold_is_sent_while_it_is_received(ends: tuple[Stream, Stream]) -> None:
    one, other = ends
    sender = gevent.spawn(one.sendall, LARGE)
    assert receive(other, len(LARGE)) == LARGE
    sender.get(timeout=SECONDS)


def test_a_wait_lets_others_run(ends: tuple[Stream, Stream]) -> None:
    one, other = ends
    gevent.spawn(other.sendall, b"late")
    assert one.recv(100) == b"late"


def test_the_end_of_a_connection_is_nothing_to_receive_and_a_broken_pipe_to_send() -> None:
    one, other = (Stream(end, SECONDS) for end in socket.socketpair())
    other.close()
    assert one.recv(100) == b""
    with pytest.raises(BrokenPipeError):
        one.sendall(b"more")
    one.close()


def test_silence_ends_and_the_connection_can_be_used_on() -> None:
    one, other = (Stream(end, 0.2) for end in socket.socketpair())
    for _ in range(2):
        with pytest.raises(TimeoutError):
            one.recv(100)
    other.sendall(b"at last")
    assert one.recv(100) == b"at last"
    one.close()
    other.close()


def test_every_wait_has_the_whole_time_to_itself() -> None:
    """However long the waits before it were together."""
    one, other = (Stream(end, 1.5) for end in socket.socketpair())
    for _ in range(4):
        gevent.spawn_later(0.4, other.sendall, b"x")
        assert one.recv(100) == b"x"
    one.close()
    other.close()


def test_a_peer_that_takes_nothing_ends_the_sending() -> None:
    one, other = (Stream(end, 0.02) for end in socket.socketpair())
    with pytest.raises(TimeoutError):
        one.sendall(LARGE)
    one.close()
    other.close()


def test_whoever_is_killed_while_it_waits_leaves_nothing_behind(ends: tuple[Stream, Stream]) -> None:
    one, other = ends
    waiting = gevent.spawn(one.recv, 100)
    gevent.sleep(0)
    waiting.kill()
    assert waiting.dead
    other.sendall(b"for the next")
    assert one.recv(100) == b"for the next"
