"""The locustfile of another version."""

from loadtest.generator import roster
from loadtest.locustfile import *  # noqa: F403

roster.__version__ = "0.0.1"  # type: ignore[attr-defined]
