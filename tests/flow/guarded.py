"""A service that asks for keys, answers one other origin and limits each key: what tests of access ask."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from loadtest.target.server import Server, serve
from service.access.key_file import append_key, make_key
from tests.patience import PATIENCE_SECONDS

ORIGIN = "https://app.example"
RATE = 200
NAMES = ("alice", "bob", "carol", "hasty", "loader")


@dataclass
class Guarded:
    """The service, its keys by name, its file of keys and its log. told: all that it answered."""

    server: Server
    keys: dict[str, str]
    file: Path
    log: Path
    told: list[str] = field(default_factory=list)

    def ask(self, path: str, key: str | None = None, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask with somebody's key, or with none."""
        headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {self.keys[key]}"} if key else {})
        answer = httpx.request(method, self.server.url + path, headers=headers, timeout=PATIENCE_SECONDS, **more)
        self.told.append(f"{answer.headers}{answer.text}")
        return answer

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Open a connection."""
        parts = urlsplit(self.server.url)
        assert parts.hostname is not None
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE_SECONDS) as connection:
            yield connection

    def head(self, method: str, path: str, key: str | None, *more: str) -> bytes:
        """Return the head of a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *more]
        if key is not None:
            lines.append(f"Authorization: Bearer {self.keys.get(key, key)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n"


@contextmanager
def serve_guarded(home: Path, folder: Path) -> Iterator[Guarded]:
    """Start it."""
    keys, file, log = {name: make_key() for name in NAMES}, folder / "keys", folder / "serve.log"
    for name, key in keys.items():
        append_key(file, name, key)
    cors = {
        "enabled": True,
        "access_control_allow_origins": [ORIGIN],
        "access_control_allow_methods": ["GET", "POST"],
        "access_control_allow_headers": ["Authorization", "Content-Type"],
    }
    config = folder / "bentoml.yaml"
    config.write_text(json.dumps({"services": {"archscale": {"http": {"cors": cors}}}}))  # JSON is YAML, too
    settings = {
        "BENTOML_CONFIG": str(config),
        "ARCHSCALE_KEYS_FILE": str(file),
        "ARCHSCALE_RATE_LIMIT": str(RATE),
        "ARCHSCALE_ACCESS_LOG": "1",
        "ARCHSCALE_DRAIN_SECONDS": "0",
        "ARCHSCALE_WORKERS": "1",
    }
    with serve(home, log=log, **settings) as server:
        yield Guarded(server, keys, file, log)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer with a length, byte for byte: what follows stays in the socket."""
    with connection.makefile("rb", buffering=0) as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while (line := stream.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        body = b""
        while len(body) < int(headers["content-length"]):
            body += stream.read(int(headers["content-length"]) - len(body)) or b""
    return status, headers, body
