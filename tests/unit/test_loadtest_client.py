"""The client under load, against a server that says exactly what a test has it say, on a socket of this machine."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from loadtest.generator import client
from loadtest.generator.client import Client, ClientError, encode_request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Release: r1\r\n\r\nok"
LIMIT_SECONDS = 10.0


class Script(threading.Thread):
    """Answers the connections that come, one after the other: each by its own list of answers.

    An answer is a list of pieces, each sent by itself. After the last answer of a list the connection is closed, and
    after the last list the server.
    """

    def __init__(self, connections: list[list[list[bytes]]], wrap: Callable[[socket.socket], socket.socket]) -> None:
        super().__init__(daemon=True)
        self.connections, self.wrap = connections, wrap
        self.heard: list[bytes] = []
        self.closed = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT_SECONDS)
        self.port = self.listener.getsockname()[1]

    def run(self) -> None:
        with self.listener, ExitStack() as until_the_end:
            for answers in self.connections:
                plain, _ = self.listener.accept()
                plain.settimeout(LIMIT_SECONDS)
                try:
                    stream = until_the_end.enter_context(self.wrap(plain))
                    self._answer(stream, answers)
                except OSError:  # the client has gone
                    plain.close()

    def _answer(self, stream: socket.socket, answers: list[list[bytes]]) -> None:
        for pieces in answers:
            self.heard.append(receive(stream))
            for piece in pieces:
                stream.sendall(piece)
        stream.shutdown(socket.SHUT_RDWR)
        self.closed.set()


def receive(stream: socket.socket) -> bytes:
    """Hear a whole request of which the body is ``body``."""
    heard = b""
    while not heard.endswith(b"\r\n\r\nbody"):
        more = stream.recv(65_536)
        if not more:
            raise ConnectionResetError
        heard += more
    return heard


@contextmanager
def server(
    *connections: list[list[bytes]], wrap: Callable[[socket.socket], socket.socket] = lambda stream: stream
) -> Iterator[Script]:
    script = Script(list(connections), wrap)
    script.start()
    try:
        yield script
    finally:
        script.join(LIMIT_SECONDS)
        assert not script.is_alive()


@contextmanager
def asking(port: int, scheme: str = "http") -> Iterator[Callable[[], client.HttpAnswer]]:
    host = f"{scheme}://127.0.0.1:{port}"
    asker = Client(host)
    try:
        yield lambda: asker.ask(encode_request(host, "/predict/small", {"Accept": "text/plain"}, b"body"))
    finally:
        asker.close()


def test_a_request_is_sent_as_it_was_encoded() -> None:
    with server([[OK]]) as script, asking(script.port) as ask:
        ask()
    head = f"POST /predict/small HTTP/1.1\r\nHost: 127.0.0.1:{script.port}\r\nAccept: text/plain\r\nContent-Length: 4"
    assert script.heard == [f"{head}\r\n\r\nbody".encode()]


def test_the_path_of_a_host_precedes_the_route_and_its_user_stays_unsaid() -> None:
    request = encode_request("http://me:secret@gate.example:8080/models/", "/predict/small", {}, b"")
    assert request.startswith(b"POST /models/predict/small HTTP/1.1\r\nHost: gate.example:8080\r\n")


def test_an_answer_has_a_status_headers_in_lower_case_and_a_body() -> None:
    with server([[OK]]) as script, asking(script.port) as ask:
        answer = ask()
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers == {b"content-length": b"2", b"x-release": b"r1"}


def test_a_connection_is_kept_for_the_next_request() -> None:
    with server([[OK], [OK], [OK]]) as script, asking(script.port) as ask:
        assert [ask().body for _ in range(3)] == [b"ok"] * 3


def test_a_connection_that_the_server_ends_is_not_kept() -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast"
    with server([[last]], [[OK]]) as script, asking(script.port) as ask:
        assert [ask().body, ask().body] == [b"last", b"ok"]


WHOLE = {
    "in many pieces": ([OK[k : k + 1] for k in range(len(OK))], 200, b"ok"),
    "chunked": (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"3\r\ncde\r\n0\r\n\r\n"],
        200,
        b"abcde",
    ),
    "without a body": ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b""),
    "after interim ones": ([b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", OK], 200, b"ok"),
    "as long as the connection": ([b"HTTP/1.0 503 Unavailable\r\n\r\n", b"no ", b"server"], 503, b"no server"),
    "longer than a read": (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000],
        200,
        b"x" * 300_000,
    ),
}


@pytest.mark.parametrize(("pieces", "status", "body"), WHOLE.values(), ids=WHOLE)
def test_an_answer_is_whole_when_it_comes(pieces: list[bytes], status: int, body: bytes) -> None:
    with server([pieces]) as script, asking(script.port) as ask:
        answer = ask()
    assert (answer.status, answer.body) == (status, body)
    assert b"link" not in answer.headers


def test_an_interim_answer_does_not_move_the_answers_of_later_requests() -> None:
    first, second = ([b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK.replace(b"ok", body)] for body in (b"11", b"22"))
    with server([first, second]) as script, asking(script.port) as ask:
        assert [ask().body, ask().body] == [b"11", b"22"]


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_once() -> None:
    with server([[OK]], [[OK]]) as script, asking(script.port) as ask:
        ask()
        assert script.closed.wait(LIMIT_SECONDS)
        assert ask().body == b"ok"
        with pytest.raises(ClientError, match="no answer: Connection"):  # there is no third connection to be had
            ask()


def test_an_answer_that_breaks_off_on_a_kept_connection_is_not_asked_for_again() -> None:
    with server([[OK], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]], [[OK]]) as script:
        with asking(script.port) as ask:
            ask()
            with pytest.raises(ClientError, match="no answer: ConnectionResetError"):
                ask()
            assert ask().body == b"ok"
        assert len(script.heard) == 3


def test_what_follows_an_answer_unasked_fails_it_and_no_later_one() -> None:
    with server([[OK + b"more"]], [[OK]]) as script, asking(script.port) as ask:
        with pytest.raises(ClientError, match="no answer: HttpParserError"):
            ask()
        assert ask().body == b"ok"


NO_ANSWER = {
    "closed at once": [b""],
    "half of its head": [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "half of its body": [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
    "half of its chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
    "not HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "another protocol": [b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
}


@pytest.mark.parametrize("pieces", NO_ANSWER.values(), ids=NO_ANSWER)
def test_what_is_no_whole_answer_is_a_client_error_and_the_next_request_is_asked_anew(pieces: list[bytes]) -> None:
    with server([pieces], [[OK]]) as script, asking(script.port) as ask:
        with pytest.raises(ClientError, match=r"^no answer: \w+$"):
            ask()
        assert ask().body == b"ok"


def test_a_refused_connection_is_a_client_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with asking(port) as ask, pytest.raises(ClientError, match="no answer: ConnectionRefusedError"):
        ask()


def test_silence_ends_as_a_client_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.05)
    failed = pytest.raises(ClientError, match=r"no answer: none within 0\.05 s")
    with socket.create_server(("127.0.0.1", 0)) as silent, asking(silent.getsockname()[1]) as ask, failed:
        ask()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs openssl, to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@contextmanager
def secure_server(certificate: tuple[Path, Path], *connections: list[list[bytes]]) -> Iterator[Script]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with server(*connections, wrap=lambda stream: context.wrap_socket(stream, server_side=True)) as script:
        yield script


def test_a_certificate_that_nobody_vouches_for_is_a_client_error(certificate: tuple[Path, Path]) -> None:
    failed = pytest.raises(ClientError, match="no answer: SSLCertVerificationError")
    with secure_server(certificate, [[OK]]) as script, asking(script.port, "https") as ask, failed:
        ask()
    assert script.heard == []


def test_a_host_that_is_trusted_is_asked_in_secret(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with secure_server(certificate, [[OK], [OK]]) as script, asking(script.port, "https") as ask:
        assert [ask().body, ask().body] == [b"ok", b"ok"]
