"""An HTTP/1.1 client for one host under load: requests encoded beforehand, connections kept, answers whole.

A request costs a fifth of the processor time that it takes with Locust's FastHttpUser (``make bench-loadtest``).
"""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools

from loadtest.generator.stream import Stream
from loadtest.target.connection import ANSWER_SECONDS

CHUNK = 65_536
FIRST_FINAL_STATUS = 200
"""Answers of a lower status are interim: another one follows (RFC 9110, section 15.2)."""


class ClientError(Exception):
    """No answer was had; the message is short, for it is counted."""


@dataclass
class HttpAnswer:
    """A whole answer; header names are in lower case."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class _Connection:
    """A socket and what has been heard on it."""

    def __init__(self, stream: Stream | ssl.SSLSocket) -> None:
        self.stream = stream
        self.parser = httptools.HttpResponseParser(self)
        self.kept = False
        """Whether its last answer left it open."""
        self._begin()

    def _begin(self) -> None:
        self.answer, self.parts, self.whole = HttpAnswer(), list[bytes](), False
        self.ends_with_connection = False

    def ask(self, request: bytes) -> HttpAnswer:
        """Send, and read until the answer is whole. Raises OSError, httptools' errors."""
        self._begin()
        self.stream.sendall(request)
        while not self.whole:
            heard = self.stream.recv(CHUNK)
            if heard:
                self.parser.feed_data(heard)
            elif self.ends_with_connection:
                self.whole, self.kept = True, False
            else:
                raise ConnectionResetError("closed")
        self.answer.status = self.parser.get_status_code()
        self.answer.body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        return self.answer

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header (called by the parser, as those below)."""
        self.answer.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """See where the body ends (RFC 9112, section 6.3): the error pages of proxies name no length."""
        headers = self.answer.headers
        self.ends_with_connection = b"content-length" not in headers and b"transfer-encoding" not in headers

    def on_body(self, part: bytes) -> None:
        """Keep a piece of the body."""
        self.parts.append(part)

    def on_message_complete(self) -> None:
        """End the answer. Only here does the parser know whether the connection stays open (httptools 0.8)."""
        if self.parser.get_status_code() < FIRST_FINAL_STATUS:
            self._begin()
        else:
            self.whole, self.kept = True, self.parser.should_keep_alive()


def encode_request(host: str, route: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a whole POST request for ``Client.ask``. host: a URL; its path, if it has one, precedes ``route``."""
    parts = urlsplit(host)
    lines = {"Host": parts.netloc.rpartition("@")[2], **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {parts.path.rstrip('/')}{route} HTTP/1.1\r\n{head}\r\n".encode() + body


class Client:
    """Asks one host over as many connections as there are requests at the same time."""

    def __init__(self, host: str) -> None:
        parts = urlsplit(host)
        secure = parts.scheme == "https"
        # Once: reading the certificates of all authorities takes longer than a request.
        self._security = ssl.create_default_context() if secure else None
        self._name = parts.hostname or ""
        self._address = (self._name, parts.port or (443 if secure else 80))
        self._peer: tuple[int, Any] | None = None
        """Family and address of the first connection: gevent has another thread look up each name, even an address."""
        self._idle: list[_Connection] = []

    def ask(self, request: bytes) -> HttpAnswer:
        """Return the answer to an encoded request. Raises ClientError.

        A kept connection that turns out to be closed is replaced once, as every client does it: a prediction changes
        nothing, so that asking again is safe.
        """
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                return self._ask(connection, request)
            except ConnectionError:
                if not connection.kept or connection.answer.headers:
                    raise
            return self._ask(self._connect(), request)
        except TimeoutError:
            raise ClientError(f"no answer: none within {ANSWER_SECONDS:g} s") from None
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise ClientError(f"no answer: {type(error).__name__}") from None

    def _ask(self, connection: _Connection, request: bytes) -> HttpAnswer:
        good = False
        try:
            answer = connection.ask(request)
            good = connection.kept
            return answer
        finally:  # also where the greenlet is killed
            if good:
                self._idle.append(connection)
            else:
                connection.stream.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().stream.close()

    def _connect(self) -> _Connection:
        connected = self._reach()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._security is None:
            return _Connection(Stream(connected, ANSWER_SECONDS))
        return _Connection(self._security.wrap_socket(connected, server_hostname=self._name))

    def _reach(self) -> socket.socket:
        if self._peer is None:
            connected = socket.create_connection(self._address, ANSWER_SECONDS)
            self._peer = connected.family, connected.getpeername()
            return connected
        family, address = self._peer
        connected = socket.socket(family)
        try:
            connected.settimeout(ANSWER_SECONDS)
            connected.connect(address)
        except BaseException:  # also where the greenlet is killed
            connected.close()
            raise
        return connected
