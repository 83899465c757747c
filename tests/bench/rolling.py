"""Replace two services, one after the other, under load through a real proxy. Run: make rolling.

python -m tests.bench.rolling --requests 100000: as many through each proxy. The newest release of the user's store is
served; haproxy and nginx are Debian's. Exit code 1: a request failed.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from loadtest.target.server import Server, free_port, link_models, models_folder, serve
from tests.bench.bars import at_most, show_bars
from tests.bench.questions import mix
from tests.bench.steady_load import Tally, load
from tests.bench.trouble import find_workers
from tests.proxies import KINDS, Proxy, proxy

CONNECTIONS = 16
BAD_SHARE = 0.05
DRAIN_SECONDS = 2.0
"""HAProxy sees two checks fail in a second. Shorter than in production, for tests wait for it."""
BETWEEN_SECONDS = 3.0
"""From one being ready to the other one's end: longer than nginx's fail_timeout, and than two checks of HAProxy."""


class Pair:
    """Two services on ports of their own, each of which can be replaced."""

    def __init__(self, home: Path, logs: Path, release: str) -> None:
        self.ports = (free_port(), free_port())
        self._settings = {
            "ARCHSCALE_WORKERS": "1",
            "ARCHSCALE_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "ARCHSCALE_RELEASE": release,
            # Two services, a proxy and the clients share two processors here.
            "ARCHSCALE_DEADLINE_MS": "30000",
        }
        self._home, self._logs = home, logs
        self._running: dict[int, AbstractContextManager[Server]] = {}

    def start(self, place: int) -> None:
        """Start one of them, and wait until it is ready."""
        settings = {**self._settings, "BENTOML_PORT": str(self.ports[place])}
        running = serve(self._home, log=self._logs / f"serve-{place}.log", **settings)
        running.__enter__()
        self._running[place] = running

    def replace(self, place: int) -> None:
        """Ask one to end, wait until it has ended, and start another in its place."""
        self._running.pop(place).__exit__(None, None, None)
        self.start(place)

    def end(self) -> None:
        """Stop both."""
        for running in self._running.values():
            running.__exit__(None, None, None)


@contextmanager
def pair(home: Path, logs: Path, release: str) -> Iterator[Pair]:
    """Serve twice. home: a BENTOML_HOME that both share."""
    services = Pair(home, logs, release)
    try:
        for place in (0, 1):
            services.start(place)
        yield services
    finally:
        services.end()


@dataclass
class Rolled:
    """What clients saw while services were replaced."""

    tally: Tally = field(default_factory=Tally)
    replaced: int = 0


async def roll(services: Pair, front: Proxy, home: Path, release: str, *, requests: int) -> Rolled:
    """Replace the first, then the second, and again until so many requests are sent. home: with the release's files."""
    rolled, over = Rolled(), asyncio.Event()
    questions = mix(home, release, bad_share=BAD_SHARE)
    loading = asyncio.create_task(load(front, questions, rolled.tally, connections=CONNECTIONS, enough=over.is_set))
    try:
        await find_workers(front, 2)
        while rolled.replaced < 2 or rolled.tally.sent < requests:
            for place in (0, 1):
                await asyncio.to_thread(services.replace, place)
                await find_workers(front, 2)
                await asyncio.sleep(BETWEEN_SECONDS)
                rolled.replaced += 1
    finally:
        over.set()
        await loading
    return rolled


def main() -> None:
    """Roll the newest release behind each proxy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--proxy", choices=sorted(KINDS), action="append", help="these alone; both unless told")
    options = parser.parse_args()
    home = models_folder().parent
    release = (home / "models/archscale-preprocessing/latest").read_text().strip()
    missed = 0
    for name in options.proxy or KINDS:
        with TemporaryDirectory(prefix="archscale-rolling-") as folder:
            missed |= _roll_behind(name, Path(folder), home, release, options.requests)
    sys.exit(missed)


def _roll_behind(name: str, folder: Path, home: Path, release: str, requests: int) -> int:
    link_models(folder / "home")
    with pair(folder / "home", folder, release) as services, proxy(name, services.ports, folder) as front:
        rolled = uvloop.run(roll(services, front, home, release, requests=requests))
    tally = rolled.tally
    bars = [
        at_most("lost", 0, tally.lost),
        at_most("turned away (502, 503, 504)", 0, tally.refused),
        at_most("wrong", 0, tally.wrong),
        at_most("connections refused", 0, tally.knocks),
    ]
    return show_bars(f"{name}: {tally.sent:,} requests, {rolled.replaced} services replaced", bars, tally.remembered)


if __name__ == "__main__":
    main()
