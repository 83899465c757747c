"""A simulated load test: trials that a queue's formulas make, believable and repeatable.

An architecture is a server whose requests take a fixed time and a time for each row. Latencies are exponential around
``time / (1 - utilisation)``; where more is asked than it can do, they grow with the excess.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from loadtest.record.results import OPERATING_SHARE, Capacity
from loadtest.record.trials import CDF_LEVELS, Latency, Load, Phase, ServerUse, TimeSplit, Trial, Verdict
from loadtest.study.gates import Facts, check

SLO_MS = 50.0
SECONDS = 8.0
WARM_UP_SECONDS = 1.0
BASE_MS = 0.9
"""Network, HTTP and parsing of a request that finds nobody before it."""
RESOLUTION = 1.05
"""Of the rate that did not hold to the one that did."""
CURVE_SHARES = (0.25, 0.5, OPERATING_SHARE, 0.85, 1.0)
SEARCH_SHARES = (0.5, 0.8, 1.1, 0.92, 1 / math.sqrt(RESOLUTION), math.sqrt(RESOLUTION))
ROW_COUNTS = (1, 4, 16, 64, 256, 1024, 4096)
ROWS_IN_FLIGHT = 4
USER_COUNTS = (1, 2, 4, 8, 16, 32, 64)
SWEEP_BLOCKS = 3
SPREAD = 0.01
"""Of the machine's speed from trial to trial: the standard deviation of its logarithm."""


@dataclass(frozen=True)
class Profile:
    """What one architecture is and how fast."""

    name: str
    depth: int
    width: int
    parameters: int
    fixed_ms: float
    row_ms: float
    accuracy: float
    train_seconds: float
    worker_mb: float

    def service_ms(self, rows: int) -> float:
        return self.fixed_ms + self.row_ms * rows

    def saturation(self, rows: int) -> float:
        """Requests/s at which the server is busy all the time."""
        return 1000 / self.service_ms(rows)

    def capacity(self, rows: int) -> float:
        """Requests/s at which the 99th percentile reaches the SLO."""
        return self.saturation(rows) * (1 + math.log(0.01) * self.service_ms(rows) / (SLO_MS - BASE_MS))


@dataclass
class Run:
    """Makes the trials of a study, and keeps what its searches found."""

    rows: int
    seed: int
    capacities: list[Capacity] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def block(self, block: int, profiles: tuple[Profile, ...]) -> Iterator[Trial]:
        """Every phase once, architectures in turns A B, B A."""
        turns = profiles if block % 2 else profiles[::-1]
        if block <= SWEEP_BLOCKS:
            yield from (self.closed("in flight", block, profile, users) for profile in turns for users in USER_COUNTS)
            yield from (self.closed("rows", block, profile, ROWS_IN_FLIGHT, n) for profile in turns for n in ROW_COUNTS)
        for profile in turns:
            yield from self._search(block, profile)
            yield from (self.open("curve", block, profile, s * profile.capacity(self.rows)) for s in CURVE_SHARES)

    def _search(self, block: int, profile: Profile) -> Iterator[Trial]:
        found = profile.capacity(self.rows) * self._noise()
        for share in SEARCH_SHARES:
            verdict: Verdict = "pass" if share <= 1 else "fail"
            yield self.open("search", block, profile, share * found, verdict)
        self.capacities.append(
            Capacity(
                architecture=profile.name,
                block=block,
                outcome="found",
                rate=found / math.sqrt(RESOLUTION),
                next_rate=found * math.sqrt(RESOLUTION),
            )
        )

    def open(self, phase: Phase, block: int, profile: Profile, rate: float, verdict: Verdict | None = None) -> Trial:
        """Arrivals at ``rate`` a second."""
        busy = rate / (profile.saturation(self.rows) * self._noise())
        latency = self._latency(profile.service_ms(self.rows), busy)
        verdict = verdict or ("pass" if latency.p99_ms <= SLO_MS else "fail")
        return self._trial(phase, block, profile, latency, rate=rate, answered=rate * min(1, 1 / busy), verdict=verdict)

    def closed(self, phase: Phase, block: int, profile: Profile, users: int, rows: int | None = None) -> Trial:
        """``users`` that wait for their answers, slowed by what they share (Gunther's law of scalability)."""
        service_ms = profile.service_ms(rows or self.rows)
        alone = 1000 / (service_ms + BASE_MS)
        rate = alone * users / (1 + 0.45 * (users - 1) + 0.0002 * users * (users - 1)) * self._noise()
        middle = 1000 * users / rate
        latency = _exponential(0.6 * middle, 0.5 * middle)
        return self._trial(phase, block, profile, latency, answered=rate, users=users, rows=rows)

    def _latency(self, service_ms: float, busy: float) -> Latency:
        if busy < 0.99:
            return _exponential(BASE_MS, service_ms / (1 - busy))
        waited = 1000 * SECONDS * max(busy - 0.98, 0.02)
        return Latency(
            p50_ms=0.5 * waited, p95_ms=0.95 * waited, p99_ms=0.99 * waited, cdf_ms=[q * waited for q in CDF_LEVELS]
        )

    def _trial(
        self,
        phase: Phase,
        block: int,
        profile: Profile,
        latency: Latency,
        *,
        answered: float,
        rate: float | None = None,
        users: int | None = None,
        rows: int | None = None,
        verdict: Verdict | None = None,
    ) -> Trial:
        requests = round(answered * SECONDS)
        offered = requests if rate is None else round(rate * SECONDS)
        service_ms = profile.service_ms(rows or self.rows)
        return Trial(
            number=1,
            phase=phase,
            block=block,
            load=Load(
                architecture=profile.name,
                body="json",
                rows=rows or self.rows,
                rate=rate,
                in_flight=users,
                arrivals="poisson",
                seconds=SECONDS,
                warm_up_seconds=WARM_UP_SECONDS,
                seed=self.seed,
            ),
            offered=offered,
            dropped=(offered - requests) // 2 if verdict == "fail" else 0,
            answered=requests,
            backlog=offered - requests,
            late=0 if verdict != "fail" else offered // 3,
            failures={},
            requests_per_second=answered,
            latency=latency,
            split=_split(latency, service_ms),
            lateness_p99_ms=None if rate is None else 1.4,
            generator_share=0.31,
            steal_share=0.004,
            server=ServerUse(
                requests=requests,
                cpu_seconds=requests * service_ms * 1.08 * self._noise() / 1000,
                memory_bytes=round(profile.worker_mb * 1e6),
            ),
            gates=check(_facts(requests, offered, open=rate is not None, overloaded=verdict == "fail")),
            verdict=verdict,
        )

    def _noise(self) -> float:
        return float(np.exp(self._random.normal(0, SPREAD)))


def _exponential(base_ms: float, scale_ms: float) -> Latency:
    """Quantiles of a constant and an exponential share."""

    def quantile(level: float) -> float:
        return base_ms - scale_ms * math.log(1 - level)

    return Latency(
        p50_ms=quantile(0.5), p95_ms=quantile(0.95), p99_ms=quantile(0.99), cdf_ms=[quantile(q) for q in CDF_LEVELS]
    )


def _split(latency: Latency, service_ms: float) -> TimeSplit:
    parse, infer, write = 0.55 * service_ms, 0.35 * service_ms, 0.1 * service_ms
    outside = max(latency.p50_ms - service_ms - 0.2, 0.1)
    return TimeSplit(client_ms=0.2, outside_ms=outside, parse_ms=parse, infer_ms=infer, write_ms=write)


def _facts(requests: int, offered: int, *, open: bool, overloaded: bool) -> Facts:
    return Facts(
        open=open,
        overloaded=overloaded,
        slo_p99_ms=SLO_MS,
        offered=offered,
        in_time=requests,
        dropped=offered - requests,
        lateness_p99_ms=1.4 if open else None,
        generator_share=0.31,
        all_answered=requests,
        all_unanswered=offered - requests,
        wrong={},
        refused=0,
        counted=float(requests),
        cpu_seconds=4.0,
        waited_seconds=0.1,
    )
