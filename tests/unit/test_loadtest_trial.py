"""What is made of a trial's samples: what counts, what is late, what was judged, and what can be believed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from loadtest.record.samples import CUT_OFF, DROPPED, REFUSED, Samples
from loadtest.record.trials import Load, Phase, TimeSplit, Trial
from loadtest.study.phases import read_answer
from loadtest.study.search import Shown
from loadtest.study.trial_result import conclude as conclude_trial
from loadtest.target.counters import Counters
from loadtest.target.server import Use
from loadtest.target.usage import Reading, spent_between

BEGIN = 1000.0
"""Instant of the first arrival."""
OPEN = Load(
    architecture="small",
    body="json",
    rows=2,
    rate=100,
    in_flight=None,
    arrivals="poisson",
    seconds=10,
    warm_up_seconds=2,
    seed=1,
)
CLOSED = OPEN.model_copy(update={"rate": None, "in_flight": 4})
NOTHING = Reading(counters=None, use=None, steal_seconds=0, all_seconds=0)


def make(
    scheduled: Sequence[float],
    latency_ms: float | Sequence[float] = 10,
    *,
    failures: dict[int, str] | None = None,
    lateness_ms: float = 1,
    timing: tuple[float, float, float] = (float("nan"),) * 3,
) -> Samples:
    """Samples of requests due so many seconds from ``BEGIN``; those with an index in ``failures`` failed.

    Reasons other than a status or a wrong value mean that there was no answer.
    """
    n, failures = len(scheduled), failures or {}
    reasons = tuple(dict.fromkeys(failures.values()))
    due = BEGIN + np.asarray(scheduled, dtype=np.float64)
    answered = [index not in failures or failures[index].startswith(("wrong", "status")) for index in range(n)]
    return Samples(
        scheduled=due,
        sent=due + lateness_ms / 1000,
        done=due + np.broadcast_to(np.asarray(latency_ms, dtype=np.float64) / 1000, n),
        status=np.where(answered, 200, 0).astype(np.int64),
        failure=np.array([reasons.index(failures[i]) + 1 if i in failures else 0 for i in range(n)], dtype=np.int64),
        rows=np.full(n, 2, dtype=np.int64),
        architecture=np.zeros(n, dtype=np.int64),
        parse=np.full(n, timing[0]),
        infer=np.full(n, timing[1]),
        write=np.full(n, timing[2]),
        architectures=("small",),
        failures=reasons,
        generator_share=0.25,
    )


def conclude(
    samples: Samples,
    load: Load = OPEN,
    before: Reading = NOTHING,
    after: Reading = NOTHING,
    *,
    phase: Phase = "curve",
    slo_p99_ms: float = 50,
) -> Trial:
    spent = spent_between(before, after, load)
    return conclude_trial(samples, load, spent, slo_p99_ms=slo_p99_ms, phase=phase, block=2, number=7)


def gate(trial: Trial, name: str) -> bool | None:
    (found,) = (gate for gate in trial.gates if gate.name == name)
    return found.ok


def test_open_arrivals_belong_to_the_warm_up_by_the_instant_at_which_they_were_due() -> None:
    trial = conclude(make([0, 1, 1.999, 2, 3], [5000, 5000, 5000, 10, 20]))
    assert (trial.offered, trial.answered, trial.late) == (2, 2, 0)
    assert trial.latency is not None
    assert trial.latency.p50_ms == pytest.approx(15, abs=1e-3)
    assert trial.requests_per_second == pytest.approx(2 / OPEN.seconds)


def test_requests_of_a_closed_loop_belong_to_the_warm_up_by_their_end() -> None:
    trial = conclude(make([0, 1, 1.5, 3], [100, 100, 1000, 1000]), CLOSED)
    assert (trial.offered, trial.answered) == (2, 2)
    assert trial.latency is not None
    assert trial.latency.p50_ms == pytest.approx(1000, abs=1e-3)


def test_a_closed_loop_is_as_fast_as_its_answers_since_the_warm_up_ended() -> None:
    """Four users that are answered together once a second have four answers a second, however few seconds there are."""
    together = np.repeat(np.arange(5.0), 4)
    trial = conclude(make(together.tolist(), 1000), CLOSED)
    assert trial.answered == 16  # those that ended with the warm-up are counted
    assert trial.requests_per_second == pytest.approx(16 / 3)
    short = conclude(make([0, 4], [10, 500]), CLOSED)
    assert short.requests_per_second == pytest.approx(1 / 2.5)


def test_one_answer_that_lingers_does_not_lower_a_closed_loops_throughput() -> None:
    """A hundred answers/s for ten seconds are that, although the last one came five seconds later."""
    latencies = np.full(1300, 10.0)
    latencies[1299] = 5000
    trial = conclude(make(np.linspace(0, 12.99, 1300).tolist(), latencies.tolist()), CLOSED)
    assert trial.requests_per_second == pytest.approx(100, rel=0.002)


def test_few_answers_of_a_closed_loop_make_it_no_faster() -> None:
    """One answer every 3 s: four came within the 10 s after the warm-up, and a fifth 3 s after them."""
    trial = conclude(make(np.arange(0, 13.5, 3).tolist(), 3000), CLOSED)
    assert trial.answered == 5
    assert trial.requests_per_second == pytest.approx(4 / 10)


def test_a_closed_loop_from_which_an_answer_was_cut_off_is_not_believed() -> None:
    trial = conclude(make(np.linspace(0, 12, 1200).tolist(), failures={1199: CUT_OFF}), CLOSED)
    assert gate(trial, "answers correct") is False


def test_the_warm_up_is_not_left_out_of_failures_nor_of_what_the_service_spent() -> None:
    use = [Use(cpu_seconds=cpu, waited_seconds=0, memory_bytes=77) for cpu in (1.0, 3.5)]
    before, after = (Reading(counters=None, use=used, steal_seconds=0, all_seconds=0) for used in use)
    trial = conclude(make([0, 1, 2, 3], failures={0: "wrong value"}), OPEN, before, after)
    assert trial.failures == {"wrong value": 1}
    assert trial.late == 0
    assert gate(trial, "answers correct") is False
    assert trial.server is not None
    assert (trial.server.requests, trial.server.cpu_seconds, trial.server.memory_bytes) == (4, 2.5, 77)


def test_whatever_is_not_the_right_answer_in_time_is_late() -> None:
    scheduled = np.linspace(2, 12, 1000)
    failures = {1: DROPPED, 2: CUT_OFF, 3: "wrong value", 4: "status 500", 5: "no answer: ConnectionResetError"}
    latencies = np.full(1000, 10.0)
    latencies[6], latencies[7] = 50.1, 49.9
    trial = conclude(make([0.0, *scheduled], [10, *latencies], failures={k + 1: v for k, v in failures.items()}))
    assert (trial.offered, trial.late, trial.dropped, trial.answered) == (1000, 6, 1, 995)
    assert trial.failures == dict.fromkeys(failures.values(), 1)


@pytest.mark.parametrize("reason", [CUT_OFF, DROPPED, REFUSED, "no answer: ConnectionResetError"])
def test_what_was_never_answered_is_later_than_all_that_was(reason: str) -> None:
    """Twelve of a thousand answers are missing: the 99th percentile is at least the longest latency that there is."""
    latencies = np.linspace(10, 20, 1000)
    missing = range(0, 1000, 90)  # 12, the fastest among them
    failures = dict.fromkeys((1 + index for index in missing), reason)
    trial = conclude(make([0.0, *np.linspace(2, 12, 1000)], [10, *latencies], failures=failures))
    assert trial.latency is not None
    assert trial.latency.p99_ms == pytest.approx(20, abs=1e-3)
    assert trial.latency.known == pytest.approx((988 - 1) / (1000 - 1))
    assert trial.latency.p50_ms == pytest.approx(np.sort(np.delete(latencies, list(missing)))[499:501].mean(), abs=1e-3)
    assert len(trial.latency.cdf_ms) == 101


def test_with_every_answer_all_quantiles_are_known() -> None:
    latency = conclude(make([0, 2, 3], [10, 20, 30])).latency
    assert latency is not None
    assert latency.p50_ms == pytest.approx(25, abs=1e-3)
    assert latency.known == 1


@pytest.mark.parametrize(("late", "verdict"), [(0, "pass"), (3, "pass"), (10, "undecided"), (30, "fail")])
def test_a_verdict_is_of_the_late_share(late: int, verdict: str) -> None:
    latencies = np.full(1200, 10.0)
    latencies[100 : 100 + late] = 1000
    trial = conclude(make(np.linspace(2, 12, 1200).tolist(), latencies.tolist()), load=with_no_warm_up())
    assert (trial.late, trial.verdict) == (late, verdict)


def with_no_warm_up(load: Load = OPEN) -> Load:
    return load.model_copy(update={"warm_up_seconds": 0})


@pytest.mark.parametrize(("growth", "verdict"), [(0, "pass"), (24, "pass"), (25, "fail")])
def test_a_queue_that_grows_by_more_than_a_fiftieth_fails_however_patient_the_slo_is(growth: int, verdict: str) -> None:
    latencies = np.full(1200, 10.0)
    latencies[1199 - growth :] = 5000  # the first one is under way when the load begins
    scheduled = np.linspace(0, 9.9, 1200)
    trial = conclude(make(scheduled.tolist(), latencies.tolist()), with_no_warm_up(), slo_p99_ms=60_000)
    assert (trial.backlog, trial.verdict) == (growth, verdict)


def test_a_queue_that_was_there_after_the_warm_up_has_not_grown() -> None:
    scheduled = np.linspace(0, 12, 1200)
    trial = conclude(make(scheduled.tolist(), 1500), slo_p99_ms=60_000)
    assert abs(trial.backlog) <= 1
    assert conclude(make(scheduled.tolist(), 1500), CLOSED).backlog == 0


def test_a_closed_loop_is_not_judged() -> None:
    trial = conclude(make(np.linspace(0, 12, 1200).tolist(), 1000), CLOSED)
    assert (trial.verdict, trial.lateness_p99_ms, trial.split) == (None, None, None)
    assert trial.late > 1000


def test_a_search_that_was_cut_off_stopped_early_and_a_curve_did_not() -> None:
    samples = make([0, 2, 3, 4], failures={3: CUT_OFF})
    assert conclude(samples, phase="search").stopped_early
    assert not conclude(samples, phase="curve").stopped_early
    assert not conclude(make([0, 2, 3, 4]), phase="search").stopped_early


def test_one_answer_that_never_comes_does_not_fail_a_trial() -> None:
    trial = conclude(make(np.linspace(0, 12, 1200).tolist(), failures={600: CUT_OFF}), phase="search")
    assert trial.verdict == "pass"


@pytest.mark.parametrize(("count", "verdict"), [(1, "pass"), (10, "undecided"), (40, "fail")])
def test_a_busy_services_refusals_are_late_and_the_trial_is_believed(count: int, verdict: str) -> None:
    samples = make(np.linspace(0, 12, 1200).tolist(), failures=dict.fromkeys(range(300, 300 + count), REFUSED))
    trial = conclude(samples, phase="search")
    assert (trial.late, trial.verdict, trial.failures) == (count, verdict, {REFUSED: count})
    assert gate(trial, "answers correct") is True
    assert read_answer(trial) == Shown(count / trial.offered, OPEN.seconds)


def test_a_closed_loop_that_is_refused_has_no_throughput_to_be_believed() -> None:
    samples = make(np.linspace(0, 12, 1200).tolist(), failures={300: REFUSED})
    assert gate(conclude(samples, CLOSED), "answers correct") is False


@pytest.mark.parametrize("counted", [4, 5])
def test_the_service_may_have_counted_what_it_refused_or_a_proxy_did_so(counted: int) -> None:
    samples = make([0, 2, 3, 4, 5], failures={2: REFUSED})
    assert gate(conclude(samples, OPEN, reading(10), reading(10 + counted)), "counts agree") is True


def test_no_samples_at_all_fail() -> None:
    trial = conclude(make([]))
    assert (trial.offered, trial.answered, trial.requests_per_second, trial.verdict) == (0, 0, 0, "fail")
    assert (trial.latency, trial.split, trial.lateness_p99_ms) == (None, None, None)
    assert not trial.valid
    closed = conclude(make([]), CLOSED)
    assert (closed.answered, closed.requests_per_second, closed.latency, closed.verdict) == (0, 0, None, None)


def test_a_trial_that_ends_in_its_warm_up_has_nothing_to_show() -> None:
    trial = conclude(make([0, 0.5, 1]))
    assert (trial.offered, trial.latency, trial.verdict) == (0, None, "fail")


def test_the_split_is_of_medians_and_adds_up_to_what_was_waited() -> None:
    trial = conclude(make([0, 2, 3, 4], 10, lateness_ms=1, timing=(0.5, 2.0, 0.25)))
    expected = TimeSplit(client_ms=1, outside_ms=6.25, parse_ms=0.5, infer_ms=2, write_ms=0.25)
    assert trial.split is not None
    assert trial.split.model_dump() == pytest.approx(expected.model_dump(), abs=1e-3)


def test_there_is_no_split_where_the_service_does_not_say() -> None:
    assert conclude(make([0, 2, 3])).split is None


def test_the_generators_lateness_is_its_99th_percentile() -> None:
    trial = conclude(make([0, 2, 3], lateness_ms=4))
    assert trial.lateness_p99_ms == pytest.approx(4, abs=1e-3)
    assert gate(trial, "client lateness") is True
    assert gate(conclude(make([0, 2, 3], lateness_ms=6)), "client lateness") is False


def reading(requests: float, **others: Any) -> Reading:
    counters = Counters({("small", "predict"): requests, ("small", "predict_raw"): 5 * requests})
    return Reading(**{"counters": counters, "use": None, "steal_seconds": 0, "all_seconds": 0, **others})


@pytest.mark.parametrize(("counted", "ok"), [(3, False), (4, True), (5, True), (6, False)])
def test_the_services_count_must_be_that_of_answers_and_at_most_of_what_was_sent(counted: int, ok: bool) -> None:
    samples = make([0, 2, 3, 4, 5, 6], failures={1: "status 500", 4: CUT_OFF, 5: DROPPED})
    assert gate(conclude(samples, OPEN, reading(10), reading(10 + counted)), "counts agree") is ok


def test_raw_values_are_counted_by_themselves() -> None:
    raw = OPEN.model_copy(update={"body": "raw"})
    assert gate(conclude(make([0, 2, 3, 4, 5]), raw, reading(1), reading(2)), "counts agree") is True


def test_the_hosts_theft_is_a_share_of_all_processors() -> None:
    before, after = (Reading(None, None, steal_seconds=s, all_seconds=a) for s, a in ((1, 100), (3, 140)))
    assert conclude(make([0, 2]), OPEN, before, after).steal_share == pytest.approx(0.05)
    assert conclude(make([0, 2])).steal_share is None


def test_workers_that_waited_for_a_processor_were_disturbed() -> None:
    readings = [
        Reading(None, Use(cpu_seconds=cpu, waited_seconds=waited, memory_bytes=1), 0, 0)
        for cpu, waited in ((1.0, 1.0), (3.0, 1.2), (3.0, 1.3))
    ]
    found = [gate(conclude(make([0, 2]), OPEN, readings[0], after), "service undisturbed") for after in readings[1:]]
    assert found == [True, False]
