"""What all protections cost together: requests/s with and without them. Run: python -m tests.bench.bench_protections.

With them: keys, a rate for each, a bound for each address, and every limit as it is by default. Without: no keys, and
no limit that a request is held to one by one; time limits are looked at four times a second whatever they are. Two
servers of one worker on one processor, of which one has a load from another; interleaved rounds.
"""

import os
import sys
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from loadtest.record.intervals import median, paired_ratio
from loadtest.target.catalogue import read_examples
from loadtest.target.server import serve_newest
from service.contract.routes import predict_route
from tests.bench.bars import Bar, show_bars
from tests.bench.keyed import serve_keyed
from tests.bench.peers.bodies import as_json
from tests.bench.peers.wrk import drive

ROUNDS, SECONDS = 15, 2
LEAST = 0.97
UNGUARDED = {"ARCHSCALE_DEADLINE_MS": "3600000", "ARCHSCALE_MAX_WAITING_BYTES": "1TB"}


def main() -> int:
    """Take the rounds, print the bar; return 1 where it is missed."""
    ours, driver = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {ours})
    guarded, unguarded = list[float](), list[float]()
    with serve_newest(ARCHSCALE_WORKERS="1", **UNGUARDED) as open_, serve_keyed(ARCHSCALE_WORKERS="1") as (locked, key):
        body = as_json(read_examples(open_.url, "small").rows.features[:1])
        keyed = replace(body, more={"Authorization": f"Bearer {key}"})
        for _ in track(range(ROUNDS), "rounds", console=Console(stderr=True)):
            for server, sent, rates in ((locked, keyed, guarded), (open_, body, unguarded)):
                url = server.url + predict_route("small")
                rates.append(drive(url, sent, seconds=SECONDS, processor=driver).requests_per_second)
    ratio = paired_ratio(guarded, unguarded)
    assert ratio is not None
    print(f"requests/s, medians: {median(guarded):,.0f} with all protections, {median(unguarded):,.0f} without")
    found = escape(str(ratio))
    return show_bars("", [Bar("with all protections / without", f">= {LEAST}", found, ratio.estimate >= LEAST)], [])


if __name__ == "__main__":
    sys.exit(main())
