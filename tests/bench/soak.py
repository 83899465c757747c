"""Load a service for a while and see whether it loses, errs or grows. Run: make soak.

The newest release of the user's store is served. A short measurement says what the clients and the workers reach
together, without waiting; then they are offered a share of it, 5 % of that bad requests. Exit code 1: a bar is missed.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from loadtest.target.catalogue import read_catalogue
from loadtest.target.server import Server, models_folder, serve_newest
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.questions import mix
from tests.bench.steady_load import Tally, load
from tests.bench.worker_samples import Growth, Sample, keep_taking, measure_growth

BAD_SHARE = 0.05
FEWEST = 600
"""Requests that tell the rate: some of every kind are among them, however slow the machine."""
CONNECTIONS = 16
SAMPLES = 50
"""At least."""
MOST_SECONDS_BETWEEN = 5.0
MOST_MEMORY_GROWTH = 0.03
MEASURING_SHARE, MOST_MEASURING_SECONDS = 0.2, 20.0
"""Of the time, for the measurement of the rate."""


@dataclass(frozen=True)
class Soaked:
    """What a soak found. reached, offered: requests/s; cores: processors that the workers used."""

    tally: Tally
    growth: Growth
    reached: float
    offered: float
    cores: float

    @property
    def bars(self) -> list[Bar]:
        """What must be reached."""
        return [
            at_most("lost", 0, self.tally.lost),
            at_most("turned away", 0, self.tally.refused),
            at_most("wrong", 0, self.tally.wrong),
            at_most("growth of memory", MOST_MEMORY_GROWTH, self.growth.memory, "+.1%"),
            at_most("growth of descriptors", 0, self.growth.descriptors),
            at_most("growth of threads", 0, self.growth.threads),
            at_most("growth of /metrics, lines", 0, self.growth.series),
        ]


async def soak(server: Server, home: Path, release: str, *, seconds: float, share: float) -> Soaked:
    """Load a service. home: BENTOML_HOME with the release's files; share: of the rate that is reached."""
    questions = mix(home, release, bad_share=BAD_SHARE)
    tally, samples = Tally(), list[Sample]()
    measuring = min(MOST_MEASURING_SECONDS, MEASURING_SHARE * seconds)
    begun = time.monotonic()

    def is_known() -> bool:
        return time.monotonic() > begun + measuring and tally.sent >= FEWEST

    await load(server, questions, tally, connections=CONNECTIONS, enough=is_known)
    at_first = tally.sent
    reached = at_first / (time.monotonic() - begun)

    until = time.monotonic() + seconds
    watching = asyncio.create_task(keep_taking(server, samples, seconds=min(MOST_SECONDS_BETWEEN, seconds / SAMPLES)))
    await load(
        server,
        questions,
        tally,
        connections=CONNECTIONS,
        enough=lambda: time.monotonic() > until or watching.done(),
        rate=share * reached,
    )
    if watching.done():
        watching.result()
    watching.cancel()
    cores = (samples[-1].cpu_seconds - samples[0].cpu_seconds) / seconds
    return Soaked(tally, measure_growth(samples), reached, (tally.sent - at_first) / seconds, cores)


def main() -> None:
    """Load the newest release."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--share", type=float, default=0.7, help="of the rate that is reached without waiting")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    home = models_folder().parent
    with serve_newest(ARCHSCALE_WORKERS=str(options.workers)) as server:
        release = read_catalogue(server.url).release
        found = uvloop.run(soak(server, home, release, seconds=60 * options.minutes, share=options.share))
    title = (
        f"{found.tally.sent:,} requests in {options.minutes:g} minutes: {found.offered:,.0f}/s of "
        f"{found.reached:,.0f}/s that were reached; the workers used {found.cores:.2f} processors"
    )
    sys.exit(show_bars(title, found.bars, found.tally.remembered))


if __name__ == "__main__":
    main()
