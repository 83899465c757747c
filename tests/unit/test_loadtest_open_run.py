"""A run of Locust's own command line: which can be judged, and what is said of one."""

from argparse import Namespace

import pytest

from loadtest.record.errors import InputError
from loadtest.record.results import Results
from loadtest.record.trials import Gate
from loadtest.report.single import say_single
from loadtest.study.machine import check_generators
from loadtest.study.open_run import check_report
from tests import studies

ASKED = {
    "headless": True,
    "seconds": 60.0,
    "warm_up": 10.0,
    "shape": "constant",
    "num_users": 2,
    "spawn_rate": 2,
    "stop_after_late": 0,
}
REFUSED = {
    "in the web page": ({"headless": False}, [True], "--report must judge open arrivals of one user class, headless"),
    "a closed loop": ({}, [False], "Give --headless and, for example, OpenSmallUser."),
    "two classes": ({}, [True, True], "--report must judge open arrivals of one user class"),
    "without an end": ({"seconds": 0.0}, [True], "--seconds 0 --warm-up 10. Correct them."),
    "a ramp": ({"shape": "ramp"}, [True], "however: --shape ramp"),
    "broken off": ({"stop_after_late": 5}, [True], "--stop-after-late 5 breaks off before them. Leave it out."),
    "one after the other": ({"spawn_rate": None}, [True], "--spawn-rate is less than --users. Give as much."),
}


@pytest.mark.parametrize(("changed", "users", "words"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_judged_is_refused_in_one_line(
    changed: dict[str, object], users: list[bool], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_report(Namespace(**{**ASKED, **changed}), users)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_steady_rate_of_sources_that_begin_together_is_judged() -> None:
    check_report(Namespace(**ASKED), [True])
    check_report(Namespace(**{**ASKED, "num_users": None, "spawn_rate": None}), [True])


def test_there_are_no_more_generators_than_processors() -> None:
    check_generators(2, 2)
    with pytest.raises(InputError, match="at most the processors of this machine, 2, however: 3"):
        check_generators(3, 2)


def run(*gates: Gate) -> Results:
    """A study of one open trial."""
    results = studies.study()
    trial = next(trial for trial in results.trials if trial.phase == "curve")
    return results.model_copy(update={"trials": [trial.model_copy(update={"gates": list(gates)})], "partial": None})


GOOD = Gate(name="nothing dropped", figure=0, limit=0, ok=True)
UNKNOWN = Gate(name="counts agree", figure=None, limit=0, ok=None)
BAD = Gate(name="generator CPU", figure=0.93, limit=0.8, ok=False)


def test_a_run_that_passed_all_gates_is_valid_and_says_what_was_not_judged() -> None:
    assert list(say_single(run(GOOD, UNKNOWN)))[-1] == (
        "Valid by nothing dropped; not judged: counts agree (the service does not say)."
    )


def test_a_run_that_failed_a_gate_says_by_how_much() -> None:
    *_, last = say_single(run(GOOD, BAD))
    assert last == "INVALID: generator CPU: < 80% of its processor, however: 93%."


def test_a_run_that_was_cut_short_is_not_valid() -> None:
    *_, last = say_single(run(GOOD).model_copy(update={"partial": "it was stopped before its end"}))
    assert last == "INVALID: the run is not whole: it was stopped before its end."
