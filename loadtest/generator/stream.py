"""A TCP connection for gevent with few system calls: one to send, and one to receive what has come.

gevent's own sockets receive once in vain before they wait, ask for the size of the send buffer before they send, and
make a timer for each call (gevent 26.9), all of which costs more than what a short request needs.
"""

import _socket
import socket
from typing import Any

import gevent

READ, WRITE = 1, 2
"""libev's event masks."""


class Stream:
    """A connected socket that is waited for by one greenlet at a time."""

    def __init__(self, connected: socket.socket, seconds: float) -> None:
        """Take over ``connected``. seconds: the longest wait."""
        kind = connected.family, connected.type, connected.proto
        self._socket = _socket.socket(*kind, connected.detach())
        self._socket.setblocking(False)
        self._hub = gevent.get_hub()
        number, loop = self._socket.fileno(), self._hub.loop
        self._readable, self._writable = loop.io(number, READ), loop.io(number, WRITE)
        self._timer = loop.timer(seconds, seconds)

    def sendall(self, data: bytes) -> None:
        """Send all. Raises OSError, and TimeoutError where nothing of it could be sent for too long."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._wait(self._writable)

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes once there are any, or none at the end. Raises OSError, TimeoutError."""
        while True:
            self._wait(self._readable)
            try:
                return self._socket.recv(size)
            except BlockingIOError:
                continue

    def close(self) -> None:
        """Close it."""
        for watcher in (self._readable, self._writable, self._timer):
            watcher.close()
        self._socket.close()

    def _wait(self, event: Any) -> None:
        this = gevent.getcurrent()
        event.start(this.switch)
        # A timer that is started a second time waits for what was left of the first (libev): all waits together then.
        self._timer.again(this.throw, TimeoutError)
        try:
            self._hub.switch()
        finally:
            event.stop()
            self._timer.stop()
