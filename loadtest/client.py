"""An HTTP/1.1 client for one host under load: requests encoded beforehand, connections kept, answers whole.

It runs on gevent's sockets and costs a third of Locust's FastHttpUser for each request (``make bench-loadtest``).
"""

import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

ANSWER_SECONDS = 30.0
"""A request that nothing is heard of for so long has failed."""
CHUNK = 65_536


class ClientError(Exception):
    """No answer was had; the message is short, for it is counted."""


@dataclass
class Answer:
    """A whole answer; header names are in lower case."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class _Connection:
    """A socket and what has been heard on it."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.parser = httptools.HttpResponseParser(self)
        self.kept = False
        """Whether its last answer left it open."""
        self._begin()

    def _begin(self) -> None:
        self.answer, self.parts, self.whole = Answer(), list[bytes](), False

    def ask(self, request: bytes) -> Answer:
        """Send, and read until the answer is whole. Raises OSError, httptools' errors."""
        self._begin()
        self.stream.sendall(request)
        while not self.whole:
            heard = self.stream.recv(CHUNK)
            if not heard:
                raise ConnectionResetError("closed")
            self.parser.feed_data(heard)
        self.answer.status = self.parser.get_status_code()
        self.answer.body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        return self.answer

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header (called by the parser, as the two below)."""
        self.answer.headers[name.lower()] = value

    def on_body(self, part: bytes) -> None:
        """Keep a piece of the body."""
        self.parts.append(part)

    def on_message_complete(self) -> None:
        """End the answer. Only here does the parser know whether the connection stays open (httptools 0.8)."""
        self.whole = True
        self.kept = self.parser.should_keep_alive()


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
        self._secure = parts.scheme == "https"
        self._name = parts.hostname or ""
        self._address = (self._name, parts.port or (443 if self._secure else 80))
        self._idle: list[_Connection] = []

    def ask(self, request: bytes) -> Answer:
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
        except (OSError, httptools.HttpParserError) as error:
            raise ClientError(f"no answer: {type(error).__name__}") from None

    def _ask(self, connection: _Connection, request: bytes) -> Answer:
        try:
            return connection.ask(request)
        finally:  # also where the greenlet is killed
            if connection.whole and connection.kept:
                self._idle.append(connection)
            else:
                connection.stream.close()

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().stream.close()

    def _connect(self) -> _Connection:
        stream = socket.create_connection(self._address, ANSWER_SECONDS)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._secure:
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=self._name)
        return _Connection(stream)
