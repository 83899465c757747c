"""Roll two services to another release and back, under load through a real proxy. Run: make rolling.

python -m tests.bench.rolling --requests 50000: as many at least forth, and as many back, through each proxy. The two
newest releases of the user's store are served, which must have the same columns; every answer must name one of them,
and be that one's. haproxy and nginx are Debian's. Exit code 1: a request failed.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from loadtest.target.server import Server, free_port, link_models, models_folder, serve
from tests.bench.bars import at_most, show_bars
from tests.bench.questions import ARCHITECTURE, mix
from tests.bench.steady_load import Tally, load
from tests.bench.trouble import find_workers
from tests.proxies import KINDS, Proxy, proxy

RELEASES = 2
"""One to roll from, one to roll to."""
CONNECTIONS = 16
BAD_SHARE = 0.05
DRAIN_SECONDS = 2.0
"""HAProxy sees two checks fail in a second. Shorter than in production, for tests wait for it."""
BETWEEN_SECONDS = 3.0
"""From one being ready to the other one's end: longer than nginx's fail_timeout, and than two checks of HAProxy."""


class Pair:
    """Two services on ports of their own, each of which can be replaced."""

    def __init__(self, home: Path, logs: Path) -> None:
        self.ports = (free_port(), free_port())
        self._settings = {
            "ARCHSCALE_WORKERS": "1",
            "ARCHSCALE_DRAIN_SECONDS": str(DRAIN_SECONDS),
            # Two services, a proxy and the clients share two processors here.
            "ARCHSCALE_DEADLINE_MS": "30000",
        }
        self._home, self._logs = home, logs
        self._running: dict[int, AbstractContextManager[Server]] = {}

    def start(self, place: int, release: str) -> None:
        """Start one of them, and wait until it is ready."""
        settings = {**self._settings, "BENTOML_PORT": str(self.ports[place]), "ARCHSCALE_RELEASE": release}
        running = serve(self._home, log=self._logs / f"serve-{place}.log", **settings)
        running.__enter__()
        self._running[place] = running

    def replace(self, place: int, release: str) -> None:
        """Ask one to end, wait until it has ended, and start another in its place."""
        self._running.pop(place).__exit__(None, None, None)
        self.start(place, release)

    def end(self) -> None:
        """Stop both."""
        for running in self._running.values():
            running.__exit__(None, None, None)


@contextmanager
def pair(home: Path, logs: Path, release: str) -> Iterator[Pair]:
    """Serve a release twice. home: a BENTOML_HOME that both share."""
    services = Pair(home, logs)
    try:
        for place in (0, 1):
            services.start(place, release)
        yield services
    finally:
        services.end()


async def roll(services: Pair, front: Proxy, home: Path, old: str, new: str, *, requests: int) -> Tally:
    """Replace one after the other, and go on until so many requests are sent. home: with the releases' files."""
    tally, is_over = Tally(), asyncio.Event()
    questions = mix(home, old, new, bad_share=BAD_SHARE)

    def is_enough() -> bool:
        return is_over.is_set() and tally.sent >= requests

    loading = asyncio.create_task(load(front, questions, tally, connections=CONNECTIONS, enough=is_enough))
    try:
        await find_workers(front, 2)
        for place in (0, 1):
            await asyncio.to_thread(services.replace, place, new)
            await find_workers(front, 2)
            await asyncio.sleep(BETWEEN_SECONDS)
    finally:
        is_over.set()
        await loading
    return tally


def main() -> None:
    """Roll from the newest release but one to the newest and back, behind each proxy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--proxy", choices=sorted(KINDS), action="append", help="these alone; both unless told")
    options = parser.parse_args()
    home = models_folder().parent
    releases = sorted(folder.name for folder in home.glob(f"models/archscale-{ARCHITECTURE}/*/"))[-RELEASES:]
    if len(releases) < RELEASES:
        sys.exit(f"rolling needs two releases of {ARCHITECTURE} in {home}, however: {len(releases)}. Train again.")
    missed = 0
    for name in options.proxy or KINDS:
        with TemporaryDirectory(prefix="archscale-rolling-") as folder:
            missed |= _roll_behind(name, Path(folder), home, releases, options.requests)
    sys.exit(missed)


def _roll_behind(name: str, folder: Path, home: Path, releases: list[str], requests: int) -> int:
    link_models(folder / "home")
    old, new = releases
    missed = 0
    with pair(folder / "home", folder, old) as services, proxy(name, services.ports, folder) as front:
        for before, after in ((old, new), (new, old)):
            tally = uvloop.run(roll(services, front, home, before, after, requests=requests))
            answered = ", ".join(f"{count:,} by {release}" for release, count in sorted(tally.releases.items()))
            bars = [
                at_most("lost", 0, tally.lost),
                at_most("turned away (502, 503, 504)", 0, tally.refused),
                at_most("wrong", 0, tally.wrong),
                at_most("connections refused", 0, tally.knocks),
            ]
            print(f"{name}, to {after}: {tally.sent:,} requests; answered: {answered}")
            missed |= show_bars("", bars, tally.remembered)
    return missed


if __name__ == "__main__":
    main()
