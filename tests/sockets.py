"""Bytes over a real socket to a server that runs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.patience import PATIENCE_SECONDS


@contextmanager
def connect(url: str) -> Iterator[socket.socket]:
    """Connect to the server at ``url``; every piece that is sent leaves by itself."""
    where = urlsplit(url)
    assert where.hostname is not None
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes, in order or not."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def exchange(url: str, data: bytes, *, piece: int = 0, ends: bool = False) -> bytes:
    """Send bytes; return all that comes back until the server closes. piece: bytes at once, 0 for all.

    ends: whether the client then says that it sends no more.
    """
    with connect(url) as connection:
        try:
            for at in range(0, len(data), piece or len(data) or 1):
                connection.sendall(data[at : at + (piece or len(data))])
            if ends:
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # the server has closed already
            pass
        return read_all(connection)
