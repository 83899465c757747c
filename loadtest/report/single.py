"""One trial by itself, in sentences: what was offered and answered, and whether it can be believed."""

from collections.abc import Iterator

from loadtest.record.results import Results
from loadtest.record.trials import Verdict
from loadtest.report.wording import brief, counted, say_measured, say_rule

P99 = 0.99
HELD: dict[Verdict | None, str] = {"pass": "held", "fail": "missed", "undecided": "neither held nor missed for certain"}


def say_single(results: Results) -> Iterator[str]:
    """Yield sentences on the only trial of ``results``."""
    (trial,), settings = results.trials, results.settings
    load = trial.load
    yield (
        f"{load.architecture}: {trial.answered:,} of {counted(trial.offered, 'arrival')} answered rightly, at "
        f"{load.rate:,.0f}/s from {counted(settings.processes, 'generator')}."
    )
    if trial.latency is not None:
        known = ">= " if trial.latency.known < P99 else ""
        p50, p99 = brief(trial.latency.p50_ms), brief(trial.latency.p99_ms)
        held = HELD.get(trial.verdict, "not judged")
        yield f"p50 {p50} ms, p99 {known}{p99} ms; p99 <= {settings.slo_p99_ms:g} ms was {held}."
    if results.partial is not None:
        yield f"INVALID: the run is not whole: {results.partial}."
    failed = [gate for gate in trial.gates if gate.ok is False]
    for gate in failed:
        yield f"INVALID: {gate.name}: {say_rule(gate)}, however: {say_measured(gate)}."
    if results.valid:
        open_gates = [f"{gate.name} ({say_measured(gate)})" for gate in trial.gates if gate.ok is None]
        left_open = f"; not judged: {', '.join(open_gates)}" if open_gates else ""
        passed = [gate.name for gate in trial.gates if gate.ok]
        yield f"Valid by {', '.join(passed)}{left_open}."
