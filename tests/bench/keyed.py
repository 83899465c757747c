"""The newest release, served with every protection on: keys, a rate for each, and the limits of addresses."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.target.server import Server, serve_newest
from service.access.key_file import append_key, make_key

GUARDS = {"ARCHSCALE_RATE_LIMIT": "1000000", "ARCHSCALE_MAX_CONNECTIONS_PER_ADDRESS": "4096"}
"""Limits that are looked at with every request, or connection, and that nobody reaches."""


@contextmanager
def serve_keyed(**settings: str) -> Iterator[tuple[Server, str]]:
    """Yield the server and its key. Raises as ``serve``."""
    key = make_key()
    with tempfile.TemporaryDirectory(prefix="archscale-keys-") as folder:
        file = Path(folder) / "keys"
        append_key(file, "bench", key)
        with serve_newest(ARCHSCALE_KEYS_FILE=str(file), **GUARDS, **settings) as server:
            yield server, key
