"""End a service at full load, again and again, without a proxy: nothing may be lost. Run: make drain.

Clients keep their connections, and open another where they are told to. The newest release of the user's store is
served by two workers. Exit code 1: a request was lost.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import psutil
import uvloop

from loadtest.target.catalogue import read_catalogue
from loadtest.target.server import Server, models_folder, serve_newest
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.questions import mix
from tests.bench.steady_load import Tally, load

CONNECTIONS = 32
BAD_SHARE = 0.05
DRAIN_SECONDS = 2.0


async def drain(server: Server, home: Path, release: str, *, requests: int) -> Tally:
    """Load a service; tell it to end once so many requests are sent. home: BENTOML_HOME with the release's files."""
    tally = Tally()
    questions = mix(home, release, bad_share=BAD_SHARE)

    def has_ended() -> bool:
        return not server.process.is_running() or server.process.status() == psutil.STATUS_ZOMBIE

    loading = asyncio.create_task(load(server, questions, tally, connections=CONNECTIONS, enough=has_ended))
    while tally.sent < requests and not loading.done():
        await asyncio.sleep(0.05)
    server.process.send_signal(signal.SIGTERM)
    await loading
    return tally


def main() -> None:
    """Serve and end the newest release as often as is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--requests", type=int, default=20_000, help="before each signal")
    options = parser.parse_args()
    home = models_folder().parent
    bars: list[Bar] = []
    remembered: list[str] = []
    for time in range(1, options.times + 1):
        with serve_newest(ARCHSCALE_WORKERS="2", ARCHSCALE_DRAIN_SECONDS=str(DRAIN_SECONDS)) as server:
            release = read_catalogue(server.url).release
            tally = uvloop.run(drain(server, home, release, requests=options.requests))
        unanswered = tally.lost + tally.refused + tally.wrong
        bars.append(at_most(f"{time}: lost, turned away or wrong of {tally.sent:,}", 0, unanswered))
        remembered += tally.remembered
    sys.exit(show_bars(f"{options.times} services ended under load", bars, remembered))


if __name__ == "__main__":
    main()
