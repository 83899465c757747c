"""The locustfile on a machine that lacks the key's file."""

from pathlib import Path
from typing import Any

from loadtest.generator import users
from loadtest.locustfile import *  # noqa: F403
from loadtest.target.connection import authorize


def look_for_the_key(*_: Any, **__: Any) -> Any:
    authorize(Path("no-key.txt"))


users.requests_of = look_for_the_key  # type: ignore[attr-defined]
