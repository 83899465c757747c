"""A connection that is waited for by a greenlet. It needs gevent's loop, but no patched library."""

import socket
from collections.abc import Iterator

import gevent
import pytest

from loadtest.stream import Stream

SECONDS = 5.0
"""Longer than any of this takes."""
LARGE = b"0123456789" * 400_000
"""Bytes that no socket's buffers hold."""


@pytest.fixture
def ends() -> Iterator[tuple[Stream, Stream]]:
    one, other = socket.socketpair()
    streams = Stream(one, SECONDS), Stream(other, SECONDS)
    yield streams
    for stream in streams:
        stream.close()


def read(stream: Stream, size: int) -> bytes:
    heard = b""
    while len(heard) < size and (part := stream.recv(65_536)):
        heard += part
    return heard


def test_what_is_sent_arrives(ends: tuple[Stream, Stream]) -> None:
    ends[0].sendall(b"hello")
    assert ends[1].recv(100) == b"hello"


def test_more_than_the_buffers_hold_is_sent_while_others_read(ends: tuple[Stream, Stream]) -> None:
    reader = gevent.spawn(read, ends[1], len(LARGE))
    ends[0].sendall(LARGE)
    assert reader.get(timeout=SECONDS) == LARGE


def test_a_receiver_waits_while_others_run(ends: tuple[Stream, Stream]) -> None:
    receiver = gevent.spawn(ends[0].recv, 100)
    gevent.sleep(0)
    assert not receiver.ready()
    ends[1].sendall(b"late")
    assert receiver.get(timeout=SECONDS) == b"late"


def test_the_end_is_no_bytes() -> None:
    one, other = socket.socketpair()
    stream = Stream(one, SECONDS)
    other.sendall(b"last")
    other.close()
    assert [stream.recv(100), stream.recv(100)] == [b"last", b""]
    stream.close()


def test_a_wait_without_an_end_is_ended() -> None:
    one, other = socket.socketpair()
    stream = Stream(one, 0.01)
    with pytest.raises(TimeoutError):
        stream.recv(100)
    with pytest.raises(TimeoutError):
        stream.sendall(LARGE)
    stream.close()
    other.close()


def test_sending_to_nobody_is_an_error() -> None:
    one, other = socket.socketpair()
    stream = Stream(one, SECONDS)
    other.close()
    with pytest.raises(ConnectionError):
        stream.sendall(LARGE)
    stream.close()


def test_a_receiver_that_is_killed_leaves_a_connection_that_can_be_used(ends: tuple[Stream, Stream]) -> None:
    receiver = gevent.spawn(ends[0].recv, 100)
    gevent.sleep(0)
    receiver.kill()
    ends[1].sendall(b"again")
    assert ends[0].recv(100) == b"again"
