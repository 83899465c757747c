"""The conditions under which a trial's figures can be believed. Pure: facts in, gates out."""

from dataclasses import dataclass

from loadtest.record.results import Gate

LATENESS_SHARE = 0.10
"""Of the SLO: what the generator's own delay may take at its p99. It is counted as the service's."""
ACHIEVED_SHARE = 0.01
"""Of the arrivals: what the generator may fail to send within the trial."""
BUSY_SHARE = 0.10
"""Of the workers' busy time: what they may wait for a processor."""
GENERATOR_SHARE = 0.80
"""Of its processor: above, the generator's own queue shows in the latencies."""
OVERLOADED = "not judged: the service was overloaded, which is the result"


@dataclass(frozen=True)
class Facts:
    """What the gates look at. Counts with ``all_`` are of the whole trial, the others leave out its warm-up."""

    open: bool
    overloaded: bool
    """The SLO was missed: arrivals may then be dropped and answers cut off."""
    slo_p99_ms: float
    offered: int
    in_time: int
    """Arrivals that were taken up before the trial's end."""
    dropped: int
    lateness_p99_ms: float | None
    generator_share: float
    all_answered: int
    """By any status."""
    all_unanswered: int
    """Cut off, or without an answer: the service may have counted them or not."""
    wrong: dict[str, int]
    """Reason -> answers that were wrong, and requests that were never answered."""
    counted: float | None
    """By the service, over the trial; None where it does not say."""
    busy_seconds: float | None
    """Of the workers: running, or ready to run; None where that can't be read."""
    cpu_seconds: float | None


def check(facts: Facts) -> list[Gate]:
    """Return every gate that applies to this kind of load."""
    sent = [_unless_overloaded(facts, gate) for gate in (_achieved(facts), _dropped(facts))]
    opened = [_lateness(facts), *sent] if facts.open else []
    return [*opened, _counted(facts), _busy(facts), _generator(facts), _correct(facts)]


def _lateness(facts: Facts) -> Gate:
    limit = LATENESS_SHARE * facts.slo_p99_ms
    p99 = facts.lateness_p99_ms
    return Gate(
        name="client lateness",
        rule=f"p99 <= {limit:g} ms, {LATENESS_SHARE:.0%} of the SLO",
        measured="no arrival" if p99 is None else f"p99 {p99:.2f} ms",
        ok=p99 is not None and p99 <= limit,
    )


def _achieved(facts: Facts) -> Gate:
    share = facts.in_time / facts.offered if facts.offered else 0.0
    return Gate(
        name="achieved",
        rule=f"arrivals sent within {ACHIEVED_SHARE:.0%} of those offered",
        measured=f"{facts.in_time:,} of {facts.offered:,}",
        ok=share >= 1 - ACHIEVED_SHARE,
    )


def _dropped(facts: Facts) -> Gate:
    return Gate(
        name="nothing dropped",
        rule="every arrival was sent",
        measured=f"{facts.dropped:,} dropped",
        ok=facts.dropped == 0,
    )


def _unless_overloaded(facts: Facts, gate: Gate) -> Gate:
    if gate.ok or not facts.overloaded:
        return gate
    return gate.model_copy(update={"ok": None, "measured": f"{gate.measured}; {OVERLOADED}"})


def _counted(facts: Facts) -> Gate:
    most = facts.all_answered + facts.all_unanswered
    known = facts.counted is not None
    return Gate(
        name="counts agree",
        rule="requests counted by the service = answers that the client had",
        measured=f"{facts.counted:,.0f} and {facts.all_answered:,}" if known else "the service does not say",
        ok=facts.all_answered <= facts.counted <= most if facts.counted is not None else None,
    )


def _busy(facts: Facts) -> Gate:
    busy, cpu = facts.busy_seconds, facts.cpu_seconds
    name, rule = "service undisturbed", f"workers ran for all but {BUSY_SHARE:.0%} of the time they were busy"
    if busy is None or cpu is None:
        return Gate(name=name, rule=rule, measured="the service's processes can't be read", ok=None)
    return Gate(
        name=name,
        rule=rule,
        measured=f"busy {busy:.2f} s, on a processor {cpu:.2f} s",
        ok=abs(busy - cpu) <= BUSY_SHARE * max(busy, cpu),
    )


def _generator(facts: Facts) -> Gate:
    return Gate(
        name="generator CPU",
        rule=f"< {GENERATOR_SHARE:.0%} of its processor",
        measured=f"{facts.generator_share:.0%}",
        ok=facts.generator_share < GENERATOR_SHARE,
    )


def _correct(facts: Facts) -> Gate:
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in facts.wrong.items())
    return Gate(
        name="answers correct",
        rule="every answer is the model's, of the right release",
        measured=reasons or "all",
        ok=not facts.wrong,
    )
