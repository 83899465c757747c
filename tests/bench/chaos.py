"""Load a service while workers die and stand still, clients are slow and rude, and it is restarted. Run: make chaos.

What may be lost is what was under way on a killed worker's connections, one request each. Nothing may be wrong, and
after each trouble all workers answer again. The newest release of the user's store is served. Exit code 1: a bar is
missed.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from loadtest.target.server import Server, free_port, link_models, models_folder, serve
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.questions import mix
from tests.bench.steady_load import Tally, load
from tests.bench.trouble import (
    connect_slowly,
    find_workers,
    kill_a_worker,
    reset_in_the_middle,
    stop_a_worker,
)

WORKERS = 2
CONNECTIONS = 16
REQUESTS_BETWEEN = 20 * CONNECTIONS
"""Before and after each trouble."""
BAD_SHARE = 0.05
SETTINGS = {
    "ARCHSCALE_WORKERS": str(WORKERS),
    "ARCHSCALE_DRAIN_SECONDS": "0.5",  # nothing stands before the service that has to notice
    "ARCHSCALE_HEAD_SECONDS": "2",
    # Several requests wait for a worker that was stopped, and on a busy machine all wait for a processor.
    "ARCHSCALE_DEADLINE_MS": "30000",
}
Trouble = Callable[[Server], Awaitable[int]]
"""Returns how many requests may be lost."""
TROUBLES: dict[str, Trouble] = {
    "a worker is killed": kill_a_worker,
    "a worker is stopped and goes on": stop_a_worker,
    "slow clients": connect_slowly,
    "connections are reset": reset_in_the_middle,
}
RESTART = "the service restarts"


@dataclass(frozen=True)
class Outcome:
    """What a trouble did. may_lose, lost: requests; seconds: until all workers answered again."""

    trouble: str
    may_lose: int
    lost: int
    refused: int
    wrong: int
    seconds: float

    @property
    def bar(self) -> Bar:
        """What may be lost."""
        name = f"lost, refused or wrong: {self.trouble} (full strength after {self.seconds:.1f} s)"
        found = f"{self.lost}, {self.refused}, {self.wrong}"
        return Bar(
            name, f"<= {self.may_lose}, 0, 0", found, self.lost <= self.may_lose and self.refused == self.wrong == 0
        )


class Chaos:
    """A service under load, and what befalls it."""

    def __init__(self, start: Callable[[], AbstractContextManager[Server]]) -> None:
        self.tally = Tally()
        self.outcomes: list[Outcome] = []
        self._start = start
        self._running = start()
        self.server = self._running.__enter__()

    async def run(self, home: Path, release: str, rounds: int) -> None:
        """Let every trouble come so many times. home: BENTOML_HOME with the release's files."""
        over = asyncio.Event()
        questions = mix(home, release, bad_share=BAD_SHARE)
        loading = asyncio.create_task(
            load(self.server, questions, self.tally, connections=CONNECTIONS, enough=over.is_set)
        )
        try:
            for _ in range(rounds):
                for name, trouble in TROUBLES.items():
                    await self._suffer(name, trouble, loading)
                await self._suffer(RESTART, lambda _: asyncio.to_thread(self._restart), loading)
        finally:
            over.set()
            await loading

    def end(self) -> None:
        """Stop the service."""
        self._running.__exit__(None, None, None)

    def _restart(self) -> int:
        self.end()
        self._running = self._start()
        self.server = self._running.__enter__()
        return 0

    async def _suffer(self, name: str, trouble: Trouble, loading: "asyncio.Task[None]") -> None:
        await self._go_on(loading)
        before = Tally(lost=self.tally.lost, refused=self.tally.refused, wrong=self.tally.wrong)
        may_lose = await trouble(self.server)
        begin = time.monotonic()
        await find_workers(self.server, WORKERS)
        seconds = time.monotonic() - begin
        await self._go_on(loading)
        lost, refused, wrong = (
            getattr(self.tally, kind) - getattr(before, kind) for kind in ("lost", "refused", "wrong")
        )
        self.outcomes.append(Outcome(name, may_lose, lost, refused, wrong, seconds))

    async def _go_on(self, loading: "asyncio.Task[None]") -> None:
        """Wait until the clients have asked for a while."""
        enough = self.tally.sent + REQUESTS_BETWEEN
        while self.tally.sent < enough:
            if loading.done():
                loading.result()
            await asyncio.sleep(0.02)


def suffer(home: Path, store: Path, folder: Path, release: str, rounds: int) -> Chaos:
    """Serve from ``store``, and let all troubles come. home: BENTOML_HOME with the release's files."""
    settings = {**SETTINGS, "ARCHSCALE_RELEASE": release, "BENTOML_PORT": str(free_port())}
    chaos = Chaos(lambda: serve(store, log=folder / "serve.log", **settings))
    try:
        uvloop.run(chaos.run(home, release, rounds))
    finally:
        chaos.end()
    return chaos


def main() -> None:
    """Serve the newest release and load it through all troubles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    home = models_folder().parent
    release = (home / "models/archscale-preprocessing/latest").read_text().strip()
    with TemporaryDirectory(prefix="archscale-chaos-") as name:
        folder = Path(name)
        link_models(folder / "home")
        chaos = suffer(home, folder / "home", folder, release, options.rounds)
    tally = chaos.tally
    bars = [*(outcome.bar for outcome in chaos.outcomes), at_most("wrong in all", 0, tally.wrong)]
    sys.exit(show_bars(f"{tally.sent:,} requests", bars, tally.remembered))


if __name__ == "__main__":
    main()
