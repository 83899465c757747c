"""The file of keys: a line for each, ``name sha256-hex``, and ``#`` before comments. It holds no key, only digests.

A key is 256 random bits, so that its digest needs neither salt nor many rounds: nobody can try them all.
"""

import hashlib
import logging
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger("bentoml.archscale")
KEY_BYTES = 32
MODE = 0o600
ROOT = 0
OF_OTHERS = 0o077
"""Bits of the mode that let others than the owner read or write."""
READ_BY_GROUP = 0o040
"""Which a file of root's may have: Kubernetes mounts a Secret so for a user that is not root, in its pod's group."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")
SECONDS_BETWEEN_LOOKS = 1.0
MAKE_ONE = "Make a key with: python -m service.keys NAME --file FILE"

Keys = Mapping[bytes, str]
"""SHA-256 of a key -> its name. Several keys may have one name: an old and a new one, for a while."""


class KeyFileError(Exception):
    """A file of keys that can't be used, in one line."""


class _State(NamedTuple):
    """Of a file: another one when its content, its place or its mode changed."""

    inode: int
    mode: int
    size: int
    modified: int
    changed: int


def make_key() -> str:
    """Return a new key: 256 random bits in 43 characters."""
    return secrets.token_urlsafe(KEY_BYTES)


def digest_of(key: bytes) -> bytes:
    """Return what the file holds of a key, before it is written in hexadecimal."""
    return hashlib.sha256(key).digest()


def read_keys(path: Path) -> Keys:
    """Read a file of keys. Raises KeyFileError."""
    return _read(path)[0]


def append_key(path: Path, name: str, key: str) -> None:
    """Add a key to a file, which is made where there is none. Raises KeyFileError."""
    if not NAME.fullmatch(name):
        raise KeyFileError(_bad_name(name))
    try:
        written = path.stat().st_size
    except OSError:
        written = 0
    if written:
        read_keys(path)
    line = f"{name} {digest_of(key.encode()).hex()}\n".encode()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        with open(descriptor, "r+b", buffering=0) as file:
            _check_mode(path, os.fstat(descriptor))
            if written and os.pread(descriptor, 1, written - 1) != b"\n":
                line = b"\n" + line
            file.write(line)
    except OSError as error:
        raise KeyFileError(
            f"the file of keys must be writable, however: {path}: {error.strerror}. Give another --file."
        ) from None


class KeyFile:
    """The keys of a file, which is read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises KeyFileError."""
        self._path = path
        self._state: _State | None
        self.keys, self._state = _read(path)

    def look(self) -> bool:
        """Read the file if it changed, and return whether it was read. A broken one is told to the log, once."""
        state = _state_of(self._path)
        if state == self._state:
            return False
        self._state = state
        try:
            self.keys, self._state = _read(self._path)
        except KeyFileError as error:
            logger.warning("the keys stay those that were read before: %s", error)
            return False
        logger.info("read %d keys from %s", len(self.keys), self._path)
        return True


def _state_of(path: Path) -> _State | None:
    try:
        return _make_state(path.stat())
    except OSError:
        return None


def _make_state(found: os.stat_result) -> _State:
    return _State(found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _read(path: Path) -> tuple[Keys, _State]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            _check_mode(path, found)
            text = file.read().decode()
    except OSError as error:
        raise KeyFileError(
            f"the file of keys must be readable, however: {path}: {error.strerror}. {MAKE_ONE}"
        ) from None
    except UnicodeDecodeError:
        raise KeyFileError(f"the file of keys must be text, however: {path} is not UTF-8. {MAKE_ONE}") from None
    return _parse(path, text), _make_state(found)


def _check_mode(path: Path, found: os.stat_result) -> None:
    """Take what PostgreSQL takes for a file of secrets (its manual, Secure TCP/IP Connections with SSL)."""
    mounted = found.st_uid == ROOT != os.geteuid()
    if found.st_mode & (OF_OTHERS & ~READ_BY_GROUP if mounted else OF_OTHERS):
        raise KeyFileError(
            f"the file of keys must be its owner's alone, however: {path} has mode {found.st_mode & 0o777:03o}. "
            f"Run: chmod 600 {path}"
        )


def _parse(path: Path, text: str) -> Keys:
    keys: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        # Of a line that is wrong nothing is told: it may hold a key.
        if len(words) != 2 or not NAME.fullmatch(words[0]) or not DIGEST.fullmatch(words[1]):
            raise KeyFileError(
                f"a line of keys must be a name and the SHA-256 of a key in 64 digits of hexadecimal, however: line "
                f"{number} of {path} is not. {MAKE_ONE}"
            )
        digest = bytes.fromhex(words[1])
        if digest in keys:
            raise KeyFileError(
                f"a key must stand in the file of keys once, however: line {number} of {path} repeats that of "
                f"{keys[digest]!r}. Remove one."
            )
        keys[digest] = words[0]
    if not keys:
        raise KeyFileError(f"the file of keys must hold a key, however: {path} holds none. {MAKE_ONE}")
    return keys


def _bad_name(name: str) -> str:
    return (
        f"a key's name must be 1 to 64 letters, digits, dots, hyphens and underscores, however: {name[:80]!r}. "
        "Choose another."
    )
