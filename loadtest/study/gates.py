"""The conditions under which a trial's figures can be believed, else it is INVALID. Pure: facts in, gates out."""

from dataclasses import dataclass

from loadtest.record.samples import REFUSED
from loadtest.record.trials import Gate

LATENESS_SHARE = 0.10
"""Of the SLO: what the generator's own delay may take at its p99. It is counted as the service's."""
MISSING_SHARE = 0.01
"""Of the arrivals: what the generator may fail to send within the trial."""
WAITED_SHARE = 0.10
"""Of the time in which workers ran or were ready to: what they may wait for a processor."""
GENERATOR_SHARE = 0.80
"""Of its processor: above, the generator's own queue shows in the latencies."""


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
    """By any status, but for what was refused."""
    all_unanswered: int
    """Cut off, refused, or without an answer: the service may have counted them or not, or a proxy refused them."""
    wrong: dict[str, int]
    """Reason -> answers that were wrong, and requests that were never answered; of a closed loop those cut off, too."""
    refused: int
    """Open arrivals that a busy service refused (503): late, which the SLO judges, and no wrong answers."""
    counted: float | None
    """By the service, over the trial; None where it does not say."""
    cpu_seconds: float | None
    """Of the workers; None where that can't be read."""
    waited_seconds: float | None
    """Of the workers: ready to run, and without a processor; None where that can't be read."""


def check(facts: Facts) -> list[Gate]:
    """Return every gate that applies to this kind of load."""
    sent = [_unless_overloaded(facts, gate) for gate in (_achieved(facts), _dropped(facts))]
    opened = [_lateness(facts), *sent] if facts.open else []
    return [*opened, _counted(facts), _undisturbed(facts), _generator(facts), _correct(facts)]


def _lateness(facts: Facts) -> Gate:
    p99, limit = facts.lateness_p99_ms, LATENESS_SHARE * facts.slo_p99_ms
    ok = p99 is not None and p99 <= limit
    return Gate(name="client lateness", figure=p99, limit=limit, parts={"slo_p99_ms": facts.slo_p99_ms}, ok=ok)


def _achieved(facts: Facts) -> Gate:
    missing = (facts.offered - facts.in_time) / facts.offered if facts.offered else 1.0
    parts = {"sent": facts.in_time, "offered": facts.offered}
    return Gate(name="achieved", figure=missing, limit=MISSING_SHARE, parts=parts, ok=missing <= MISSING_SHARE)


def _dropped(facts: Facts) -> Gate:
    return Gate(name="nothing dropped", figure=facts.dropped, limit=0, ok=facts.dropped == 0)


def _unless_overloaded(facts: Facts, gate: Gate) -> Gate:
    """Leave open what an overload drops or does not let go: that is the result."""
    return gate.model_copy(update={"ok": None}) if facts.overloaded and not gate.ok else gate


def _counted(facts: Facts) -> Gate:
    if facts.counted is None:
        return Gate(name="counts agree", figure=None, limit=0, ok=None)
    most = facts.all_answered + facts.all_unanswered
    apart = max(facts.all_answered - facts.counted, facts.counted - most, 0)
    parts = {"counted": facts.counted, "answered": facts.all_answered}
    return Gate(name="counts agree", figure=apart, limit=0, parts=parts, ok=apart == 0)


def _undisturbed(facts: Facts) -> Gate:
    cpu, waited = facts.cpu_seconds, facts.waited_seconds
    if cpu is None or waited is None:
        return Gate(name="service undisturbed", figure=None, limit=WAITED_SHARE, ok=None)
    share = waited / (cpu + waited) if waited else 0.0
    parts = {"cpu_seconds": cpu, "waited_seconds": waited}
    return Gate(name="service undisturbed", figure=share, limit=WAITED_SHARE, parts=parts, ok=share <= WAITED_SHARE)


def _generator(facts: Facts) -> Gate:
    share = facts.generator_share
    return Gate(name="generator CPU", figure=share, limit=GENERATOR_SHARE, ok=share < GENERATOR_SHARE)


def _correct(facts: Facts) -> Gate:
    wrong, parts = sum(facts.wrong.values()), dict(facts.wrong)
    if facts.refused:
        parts[REFUSED] = facts.refused
    return Gate(name="answers correct", figure=wrong, limit=0, parts=parts, ok=wrong == 0)
