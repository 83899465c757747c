"""The gates of a trial: each at, below and above its limit, and what an overload excuses."""

from dataclasses import replace

import pytest

from loadtest.record.trials import Gate
from loadtest.report.wording import say_measured, say_rule
from loadtest.study.gates import Facts, check

GOOD = Facts(
    open=True,
    overloaded=False,
    slo_p99_ms=50,
    offered=1000,
    in_time=1000,
    dropped=0,
    lateness_p99_ms=1.0,
    generator_share=0.3,
    all_answered=1200,
    all_unanswered=0,
    wrong={},
    refused=0,
    counted=1200,
    cpu_seconds=2.0,
    waited_seconds=0.0,
)
OF_OPEN_ARRIVALS = ["client lateness", "achieved", "nothing dropped"]
OF_ALL = ["counts agree", "service undisturbed", "generator CPU", "answers correct"]


def gates(**facts: object) -> dict[str, Gate]:
    return {gate.name: gate for gate in check(replace(GOOD, **facts))}  # type: ignore[arg-type]


def failed(**facts: object) -> list[str]:
    return [name for name, gate in gates(**facts).items() if gate.ok is False]


def unknown(**facts: object) -> list[str]:
    return [name for name, gate in gates(**facts).items() if gate.ok is None]


def test_a_good_trial_passes_every_gate() -> None:
    assert [gate.name for gate in check(GOOD)] == OF_OPEN_ARRIVALS + OF_ALL
    assert all(gate.ok for gate in check(GOOD))


def test_a_closed_loop_has_no_arrivals_to_be_late_or_dropped() -> None:
    assert list(gates(open=False)) == OF_ALL


LIMITS = [
    ("client lateness", {"lateness_p99_ms": 5.0}, {"lateness_p99_ms": 5.001}),
    ("client lateness", {"lateness_p99_ms": 2.0, "slo_p99_ms": 20}, {"lateness_p99_ms": 2.001, "slo_p99_ms": 20}),
    ("achieved", {"in_time": 990}, {"in_time": 989}),
    ("nothing dropped", {"dropped": 0}, {"dropped": 1}),
    ("counts agree", {"counted": 1200}, {"counted": 1199}),
    ("counts agree", {"counted": 1200}, {"counted": 1201}),
    ("counts agree", {"counted": 1203, "all_unanswered": 3}, {"counted": 1204, "all_unanswered": 3}),
    ("counts agree", {"counted": 1200, "all_unanswered": 3}, {"counted": 1199, "all_unanswered": 3}),
    (
        "service undisturbed",
        {"cpu_seconds": 1.8, "waited_seconds": 0.2},
        {"cpu_seconds": 1.799, "waited_seconds": 0.201},
    ),
    ("service undisturbed", {"cpu_seconds": 0.0, "waited_seconds": 0.0}, {"cpu_seconds": 0.0, "waited_seconds": 0.1}),
    ("generator CPU", {"generator_share": 0.799}, {"generator_share": 0.8}),
    ("answers correct", {"wrong": {}}, {"wrong": {"wrong value": 1}}),
]


@pytest.mark.parametrize(("name", "at", "beyond"), LIMITS)
def test_a_gate_passes_at_its_limit_and_fails_alone_beyond(
    name: str, at: dict[str, object], beyond: dict[str, object]
) -> None:
    assert failed(**at) == []
    assert failed(**beyond) == [name]


ALL_WRONG: dict[str, object] = {
    "in_time": 10,
    "dropped": 500,
    "lateness_p99_ms": 40.0,
    "counted": 7,
    "waited_seconds": 2.0,
    "generator_share": 1.0,
    "wrong": {"status 500": 3},
}


def test_an_overload_excuses_what_was_dropped_or_not_sent_and_nothing_else() -> None:
    assert failed(**ALL_WRONG) == OF_OPEN_ARRIVALS + OF_ALL
    assert unknown(**ALL_WRONG, overloaded=True) == ["achieved", "nothing dropped"]
    assert failed(**ALL_WRONG, overloaded=True) == ["client lateness", *OF_ALL]
    assert say_measured(gates(**ALL_WRONG, overloaded=True)["achieved"]).startswith("10 of 1,000; not judged")


def test_an_overload_that_dropped_nothing_is_known_to_have_dropped_nothing() -> None:
    assert all(gate.ok for gate in gates(overloaded=True).values())


def test_a_refusal_fails_no_gate_and_hides_no_wrong_answer() -> None:
    refused = gates(refused=3)["answers correct"]
    assert (refused.ok, say_measured(refused)) == (True, "all but 3 x status 503, which count as late")
    both = gates(refused=3, wrong={"wrong value": 1})["answers correct"]
    assert (both.ok, both.figure, say_measured(both)) == (False, 1, "1 x wrong value, 3 x status 503")


def test_what_can_not_be_measured_is_unknown_and_says_so() -> None:
    assert unknown(counted=None) == ["counts agree"]
    assert unknown(waited_seconds=None) == unknown(cpu_seconds=None) == ["service undisturbed"]
    assert failed(counted=None, waited_seconds=None, cpu_seconds=None) == []
    assert say_measured(gates(counted=None)["counts agree"]) == "the service does not say"


def test_a_trial_without_arrivals_can_not_be_believed() -> None:
    nothing = {"offered": 0, "in_time": 0, "lateness_p99_ms": None, "all_answered": 0, "counted": 0}
    assert failed(**nothing) == ["client lateness", "achieved"]


def test_gates_say_what_was_measured_and_why_they_failed() -> None:
    found = gates(**ALL_WRONG)
    assert say_measured(found["client lateness"]) == "p99 40.00 ms"
    assert say_rule(found["client lateness"]) == "p99 <= 5 ms, 10% of the SLO"
    assert say_measured(found["achieved"]) == "10 of 1,000"
    assert say_measured(found["nothing dropped"]) == "500 dropped"
    assert say_measured(found["counts agree"]) == "7 and 1,200"
    assert say_measured(found["answers correct"]) == "3 x status 500"
    assert say_measured(gates()["answers correct"]) == "all"
