"""What a trial's samples amount to: how many were late, failed or dropped, rates, quantiles. Pure."""

import numpy as np

from loadtest.record.samples import CUT_OFF, DROPPED, NO_ANSWER, OK, REFUSED, Samples
from loadtest.record.trials import CDF_LEVELS, Latency, Load, Phase, ServerUse, TimeSplit, Trial, Verdict
from loadtest.study.gates import Facts, check
from loadtest.study.slo import judge
from loadtest.target.usage import Spent

BACKLOG_SHARE = 0.02
"""Of the arrivals of a trial: a queue that has grown by more shows a service that does not keep up with them."""
FEWEST_BACKLOG = 20
"""Requests by which a queue may grow by chance."""


def conclude(
    samples: Samples,
    load: Load,
    spent: Spent,
    *,
    slo_p99_ms: float,
    phase: Phase,
    block: int,
    number: int,
) -> Trial:
    """Leave out what belongs to the warm-up, take quantiles of the rest, and look whether it can be believed."""
    opened = load.rate is not None
    kept = _after_warm_up(samples, load)
    right = kept.select(kept.failure == OK)
    late = int(((kept.latency_ms > slo_p99_ms) | (kept.failure != OK)).sum())
    backlog = _grow(samples, load) if opened else 0
    verdict = _judge(late, len(kept), backlog) if opened else None
    facts = _facts(samples, kept, load, spent, slo_p99_ms=slo_p99_ms, overloaded=verdict == "fail")
    return Trial(
        number=number,
        phase=phase,
        block=block,
        load=load,
        offered=facts.offered,
        dropped=facts.dropped,
        answered=len(right),
        late=late,
        backlog=backlog,
        failures=samples.count_failures(),
        requests_per_second=_throughput(samples, kept, load),
        latency=_latency(kept),
        split=_split(right) if opened else None,
        lateness_p99_ms=facts.lateness_p99_ms,
        generator_share=samples.generator_share,
        steal_share=spent.steal_share,
        server=_server_use(facts, spent),
        gates=check(facts),
        verdict=verdict,
        stopped_early=phase == "search" and CUT_OFF in samples.failures,
    )


def _after_warm_up(samples: Samples, load: Load) -> Samples:
    """Open arrivals belong to the instant at which they were due, requests of a closed loop to their end."""
    if not len(samples):
        return samples
    instants = samples.scheduled if load.rate is not None else samples.done
    return samples.select(instants >= _end_of_warm_up(samples, load))


def _end_of_warm_up(samples: Samples, load: Load) -> float:
    return float(samples.scheduled.min()) + load.warm_up_seconds


def _throughput(samples: Samples, kept: Samples, load: Load) -> float:
    """Return right answers/s: of open arrivals all; of a closed loop those that came within its seconds.

    A window that ended with an answer would be too short by chance, and one that waited for the last far too long.
    """
    right = kept.failure == OK
    if load.rate is not None or not len(kept):
        return float(right.sum()) / load.seconds
    came = kept.done - _end_of_warm_up(samples, load)
    seconds = min(load.seconds, float(came.max())) or load.seconds  # less where Locust ended it before its time
    return float((right & (came <= seconds)).sum()) / seconds


def _grow(samples: Samples, load: Load) -> int:
    """Return how many more requests were under way at the end of the schedule than at the end of the warm-up."""
    if not len(samples):
        return 0
    begin = _end_of_warm_up(samples, load)
    before, after = (
        int((samples.scheduled <= instant).sum() - (samples.done <= instant).sum())
        for instant in (begin, begin + load.seconds)
    )
    return after - before


def _judge(late: int, requests: int, backlog: int) -> Verdict:
    """Judge by what was late, and by whether the service kept up: with a high SLO a queue may grow long unnoticed."""
    if not requests or backlog > max(BACKLOG_SHARE * requests, FEWEST_BACKLOG):
        return "fail"
    return judge(late, requests)


def _latency(kept: Samples) -> Latency | None:
    """Take quantiles of all requests: those without an answer, or refused, are later than the latest that had one."""
    answered = (kept.status != NO_ANSWER) & ~kept.failed_for(REFUSED)
    if not answered.any():
        return None
    latencies = np.where(answered, kept.latency_ms, kept.latency_ms[answered].max())
    p50, p95, p99, *cdf = np.quantile(latencies, (0.5, 0.95, 0.99, *CDF_LEVELS)).tolist()
    known = 1.0 if answered.all() else float((answered.sum() - 1) / (len(kept) - 1))
    return Latency(p50_ms=p50, p95_ms=p95, p99_ms=p99, cdf_ms=cdf, known=known)


def _split(right: Samples) -> TimeSplit | None:
    """Medians of the parts; what is neither the generator's nor a stage of the service lies outside of both."""
    timed = right.select(np.isfinite(right.parse))
    if not len(timed):
        return None
    outside = timed.latency_ms - timed.lateness_ms - timed.parse - timed.infer - timed.write
    parts = (timed.lateness_ms, outside, timed.parse, timed.infer, timed.write)
    client, rest, parse, infer, write = (float(np.median(part)) for part in parts)
    return TimeSplit(client_ms=client, outside_ms=rest, parse_ms=parse, infer_ms=infer, write_ms=write)


def _facts(samples: Samples, kept: Samples, load: Load, spent: Spent, *, slo_p99_ms: float, overloaded: bool) -> Facts:
    opened = load.rate is not None
    dropped = kept.failed_for(DROPPED)
    end = _end_of_warm_up(samples, load) + load.seconds if len(samples) else 0.0
    late = (DROPPED, CUT_OFF) if opened else ()  # a closed loop waits 5 s for its last answers: then one is lost
    wrong = {reason: n for reason, n in samples.count_failures().items() if reason not in late}
    refused = wrong.pop(REFUSED, 0) if opened else 0  # a closed loop asks the faster the more it is refused
    unanswered = (samples.status == NO_ANSWER) & ~samples.failed_for(DROPPED)
    return Facts(
        open=opened,
        overloaded=overloaded,
        slo_p99_ms=slo_p99_ms,
        offered=len(kept),
        in_time=int(((kept.sent <= end) & ~dropped).sum()),
        dropped=int(dropped.sum()),
        lateness_p99_ms=float(np.quantile(kept.lateness_ms, 0.99)) if opened and len(kept) else None,
        generator_share=samples.generator_share,
        all_answered=int((samples.status != NO_ANSWER).sum()) - refused,
        all_unanswered=int(unanswered.sum()) + refused,
        wrong=wrong,
        refused=refused,
        counted=spent.counted,
        cpu_seconds=spent.cpu_seconds,
        waited_seconds=spent.waited_seconds,
    )


def _server_use(facts: Facts, spent: Spent) -> ServerUse | None:
    if spent.cpu_seconds is None or spent.memory_bytes is None:
        return None
    return ServerUse(requests=facts.all_answered, cpu_seconds=spent.cpu_seconds, memory_bytes=spent.memory_bytes)
