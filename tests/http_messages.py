"""Requests of HTTP as bytes, and the answers to them, read by h11: a parser that the service does not use."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import h11


@dataclass(frozen=True)
class Reply:
    """An answer. told_to_continue: whether 100 came before it."""

    status: int
    headers: dict[str, str]
    body: bytes
    told_to_continue: bool = False

    @property
    def request_id(self) -> str:
        """Name of the request that it answers."""
        return self.headers["x-request-id"]

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return self.headers.get("connection") == "close"

    def json(self) -> Any:
        """Return the document."""
        return json.loads(self.body)


def request(
    target: str,
    body: bytes | None = None,
    *more: str,
    method: str = "",
    version: str = "1.1",
    host: str | None = "x",
    chunk: int = 0,
    trailers: Iterable[str] = (),
) -> bytes:
    """Return a request. more: lines of its head; chunk: bytes of each chunk, 0 for a Content-Length."""
    lines = [f"{method or ('GET' if body is None else 'POST')} {target} HTTP/{version}"]
    lines += [] if host is None else [f"Host: {host}"]
    lines += more
    if body is None:
        return _head(lines)
    if not chunk:
        return _head([*lines, f"Content-Length: {len(body)}"]) + body
    chunks = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    end = b"0\r\n" + b"".join(f"{line}\r\n".encode() for line in trailers) + b"\r\n"
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in chunks)
    return _head([*lines, "Transfer-Encoding: chunked"]) + framed + end


def rows_body(*rows: list[float], key: str = "features", padding: int = 0) -> bytes:
    """Return a body with rows. padding: blanks behind it, which change nothing."""
    return json.dumps({key: rows}).encode() + b" " * padding


def named(name: str) -> str:
    """Return the header that gives a request its id."""
    return f"X-Request-Id: {name}"


def read_replies(received: bytes, methods: Iterable[str] = ()) -> list[Reply]:
    """Return all answers in what a client received. methods: of the requests, GET where there are fewer.

    Raises h11.RemoteProtocolError for what is no answer, AssertionError for an answer that is not whole or that comes
    after the last one.
    """
    replies: list[Reply] = []
    methods = list(methods)
    while received:
        method = methods[len(replies)] if len(replies) < len(methods) else "GET"
        reply, received = _read_reply(received, method)
        replies.append(reply)
        assert not (reply.closes and received), f"more after the last answer: {received[:80]!r}"
    return replies


def _read_reply(received: bytes, method: str) -> tuple[Reply, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(received)
    body, told = b"", False
    response: h11.Response | None = None
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA, f"an answer that is not whole: {received[-80:]!r}"
        if isinstance(event, h11.InformationalResponse):
            told = True
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
    assert response is not None
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Reply(response.status_code, headers, body, told), connection.trailing_data[0]


def _head(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
