"""Two replicas behind nginx and HAProxy against one asked directly. Run: python -m tests.bench.two_replicas.

The newest release of the user's store is served, each replica with one worker; the proxies are Debian's, as deploy/
configures them. All are offered the same arrivals, in turn; the one replica half of them as well, as each of two has,
and all of them behind each proxy, which tells what the proxy adds from what the second replica does.
With four processors or more the capacities are searched for, too: then each replica, the proxy and the load generator
have one of their own. With fewer both replicas share one, as the single replica has it, the proxy and the generator
another, and rates are compared by what they cost the server.
Exit code 1: a bar is missed. Takes nine minutes; needs root, as nginx does.
"""

import argparse
import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from loadtest.record.intervals import Interval, geometric, median, paired_ratio, unpaired_ratio
from loadtest.record.samples import OK
from loadtest.record.trials import SATURATION_USERS, Load
from loadtest.study.machine import available, on
from loadtest.study.trial import Bench
from loadtest.target.server import Server, serve_newest
from tests.bench.bars import Bar, at_most, show_bars
from tests.bench.searching import search_capacities
from tests.proxies import KINDS, Proxy, proxy

DIRECT, HALF = "one replica, directly", "one replica, at half the rate"
"""The fewer come, the more a request costs (``bench_seldom``): each of two replicas sees half of them."""
ARCHITECTURE, ROWS = "small", 64
SLO_MS = 50.0
SHARE = 0.5
"""Of what one replica answers in a closed loop: the rate that is offered."""
WARM_UP_SECONDS = 0.5
MOST_CPU, LEAST_RATE = 1.10, 1.8
"""Times one replica's: processor time a request, and rate."""
ENOUGH_PROCESSORS = 4
SEARCH_BLOCKS = 3
US_PER_SECOND = 1e6


@dataclass(frozen=True)
class Processors:
    """Which one each part has."""

    replicas: tuple[int, int]
    proxy: int
    generator: int

    @classmethod
    def share(cls, processors: list[int]) -> "Processors":
        """Give each part one of its own where there are enough."""
        if len(processors) >= ENOUGH_PROCESSORS:
            first, second, third, last = processors[:ENOUGH_PROCESSORS]
            return cls((first, second), third, last)
        return cls((processors[0], processors[0]), processors[-1], processors[-1])


@dataclass
class Found:
    """Round by round, by what was asked. us: of processors for a request: of the replicas, and of the proxy."""

    server_us: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    proxy_us: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    p99_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def main() -> None:
    """Measure, print a table for each proxy, and end with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a load")
    parser.add_argument("--rate", type=float, help=f"requests/s; {SHARE:.0%} of a closed loop's unless told")
    options = parser.parse_args()
    processors = Processors.share(available())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="archscale-replicas-")))
        replicas = [_serve(stack, processor) for processor in processors.replicas]
        fronts = {name: _stand_before(stack, name, replicas, folder / name, processors.proxy) for name in KINDS}
        alone = {
            _alone(name): _stand_before(stack, name, replicas[:1] * 2, folder / f"{name}-alone", processors.proxy)
            for name in KINDS
        }
        bench = Bench(replicas[0].url, None, folder, SLO_MS, [processors.generator], 1)
        rate = options.rate or SHARE * _saturate(bench, options.seconds)
        print(f"{rate:,.0f} requests/s of {ROWS} rows, {options.rounds} rounds of {options.seconds:g} s in turn")
        found = Found()
        for turn in range(options.rounds):
            asked = [DIRECT, HALF, *fronts, *alone]
            for name in asked if turn % 2 else asked[::-1]:
                load = _load(options.seconds, rate=rate / 2 if name == HALF else rate, seed=turn)
                asked_replicas = replicas if name in fronts else replicas[:1]
                _measure(found, bench, name, asked_replicas, (fronts | alone).get(name), load)
        rates: dict[str, list[float]] = {}
        if len(available()) >= ENOUGH_PROCESSORS:
            hosts = {DIRECT: replicas[0].url, **{name: front.url for name, front in fronts.items()}}
            rates = {name: _search(host, folder / f"{name}-searched", options.seconds) for name, host in hosts.items()}
    sys.exit(max(_show(name, found, rates) for name in fronts))


def _serve(stack: ExitStack, processor: int) -> Server:
    with on([processor]):
        return stack.enter_context(serve_newest(ARCHSCALE_WORKERS="1"))


def _stand_before(stack: ExitStack, name: str, replicas: list[Server], folder: Path, processor: int) -> Proxy:
    first, second = (int(replica.url.rpartition(":")[2]) for replica in replicas)
    folder.mkdir()
    with on([processor]):
        return stack.enter_context(proxy(name, (first, second), folder))


def _alone(name: str) -> str:
    return f"one replica, behind {name}"


def _saturate(bench: Bench, seconds: float) -> float:
    """Return the requests/s of a closed loop."""
    samples = bench.run(_load(seconds, in_flight=SATURATION_USERS), bench.host, "closed")
    return int((samples.failure == OK).sum()) / float(samples.done.max() - samples.scheduled.min())


def _load(seconds: float, *, rate: float | None = None, in_flight: int | None = None, seed: int = 0) -> Load:
    return Load(
        architecture=ARCHITECTURE,
        body="json",
        rows=ROWS,
        rate=rate,
        in_flight=in_flight,
        arrivals="poisson",
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
        seed=seed,
    )


def _measure(found: Found, bench: Bench, name: str, replicas: list[Server], front: Proxy | None, load: Load) -> None:
    """Load these replicas once, through ``front`` if there is one."""
    before, before_proxy = _cpu_seconds(replicas), _proxy_seconds(front)
    samples = bench.run(load, replicas[0].url if front is None else front.url, name)
    spent, spent_proxy = _cpu_seconds(replicas) - before, _proxy_seconds(front) - before_proxy
    right = samples.failure == OK
    found.server_us[name].append(spent / len(samples) * US_PER_SECOND)
    found.proxy_us[name].append(spent_proxy / len(samples) * US_PER_SECOND)
    found.p99_ms[name].append(float(sorted(samples.latency_ms)[int(0.99 * len(samples))]))
    found.wrong[name] += len(samples) - int(right.sum())


def _cpu_seconds(replicas: list[Server]) -> float:
    """Of their workers, as a report counts it."""
    used = [replica.use() for replica in replicas]
    return sum(use.cpu_seconds for use in used if use is not None)


def _proxy_seconds(front: Proxy | None) -> float:
    if front is None:
        return 0.0
    process = psutil.Process(front.pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


def _search(host: str, folder: Path, seconds: float) -> list[float]:
    """Return the capacity that each block of a study's search found."""
    with search_capacities(
        host,
        folder,
        [ARCHITECTURE],
        slo_ms=SLO_MS,
        blocks=SEARCH_BLOCKS,
        seconds=seconds,
        warm_up_seconds=WARM_UP_SECONDS,
        rows=ROWS,
    ) as study:
        return [capacity.rate for capacity in study.capacities if capacity.rate is not None]


def _show(name: str, found: Found, rates: dict[str, list[float]]) -> int:
    two, one, half, alone = (found.server_us[asked] for asked in (name, DIRECT, HALF, _alone(name)))
    cost, each = paired_ratio(two, one), paired_ratio(two, half)
    assert cost is not None
    assert each is not None
    if rates:
        rate, how = unpaired_ratio(rates[name], rates[DIRECT]), "rate at the SLO"
    else:
        # Each replica has a processor's time to spend: what a request takes decides the rate, at equal rates of each.
        rate, how = paired_ratio([2 / us for us in two], [1 / us for us in half]), "rate by CPU"
    print(
        f"{name}: a request takes {_write(two)} us of both replicas, {_write(one)} us of the one asked directly, "
        f"{_write(half)} us of that one at half the rate, and {_write(found.proxy_us[name])} us of the proxy. p99 "
        f"{median(found.p99_ms[name]):.2f} ms, directly {median(found.p99_ms[DIRECT]):.2f} ms. A server CPU-second "
        f"answers {US_PER_SECOND / median(two):,.0f} requests, directly {US_PER_SECOND / median(one):,.0f}.\n"
        f"one at half the rate / at the whole: {paired_ratio(half, one)}\n"
        f"one behind the proxy / directly: {paired_ratio(alone, one)}\n"
        f"two / one, both behind the proxy: {paired_ratio(two, alone)}"
    )
    bars = [
        Bar("server CPU a request, two / one", f"<= {MOST_CPU:.2f}", str(cost), cost.estimate <= MOST_CPU),
        Bar("the same, one at half the rate", f"<= {MOST_CPU:.2f}", str(each), each.estimate <= MOST_CPU),
        _at_least(f"{how}, two / one", LEAST_RATE, rate),
        at_most("not answered rightly", 0, sum(found.wrong[asked] for asked in (name, DIRECT, HALF, _alone(name)))),
    ]
    return show_bars(f"two replicas behind {name}", bars, [])


def _at_least(name: str, limit: float, found: Interval | None) -> Bar:
    return Bar(name, f">= {limit:.2f}", str(found), found is not None and found.estimate >= limit)


def _write(values: list[float]) -> str:
    """Write the median, and the interval of the mean."""
    interval = geometric(values)
    ends = "" if interval is None or interval.low is None else f" [{interval.low:.0f}, {interval.high:.0f}]"
    return f"{median(values):.0f}{ends}"


if __name__ == "__main__":
    main()
