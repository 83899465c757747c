"""The body of a request on its way: gathered, or thrown away where nobody will read it."""

import io
import socket

SCRATCH = bytearray(2**20)
"""Where a system without ``MSG_TRUNC`` for TCP puts what is thrown away; Linux never touches it."""


def grow(body: bytes | io.BytesIO, part: bytes) -> bytes | io.BytesIO:
    """Append to a body: the first part is kept as it is, more are gathered without an object for each."""
    if not body:
        return part
    if isinstance(body, bytes):
        start, body = body, io.BytesIO()
        body.write(start)
    body.write(part)
    return body


def throw_away(descriptor: int, most: int) -> int:
    """Throw away up to ``most`` bytes that wait in a TCP socket, without copying them; return how many.

    Linux drops them in the kernel (tcp(7), MSG_TRUNC). The end of a connection, and its errors, are left to whoever
    reads next.
    """
    waiting = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=descriptor)
    try:
        return waiting.recv_into(SCRATCH, min(most, len(SCRATCH)), socket.MSG_TRUNC | socket.MSG_DONTWAIT)
    except OSError:
        return 0
    finally:
        waiting.detach()
