"""A plan: enough replicas and no more, from capacities that can be believed, and predictions near the truth."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.optimize import brentq

from loadtest.analysis.fleet import Ask, plan_fleets
from loadtest.analysis.forecast import find_capacity, find_service_seconds
from loadtest.analysis.sizing import size_deployment
from loadtest.plan import parse_plan, print_plan
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.fleet import FleetPlan
from loadtest.record.results import Capacity, Results
from loadtest.record.results_file import save_results
from loadtest.study.slo import judge
from service.contract.curve import Curve
from tests import studies
from tests.curves import make_curve, with_latencies
from tests.queues import Queue, deterministic, md1_quantile
from tests.studies import LARGE, SMALL, WIDE, changed

SLO_SECONDS = 0.05
STUDY, CURVE = studies.study(), make_curve()
SERVICE_SECONDS = 0.01


def plan(results: Results, rate: float, curve: Curve | None = None, **asked: float) -> FleetPlan:
    return plan_fleets(results, Ask(**{"rate": rate, "headroom": 0.3, **asked}), curve)  # type: ignore[arg-type]


def with_capacity(results: Results, capacity: Callable[[str], float]) -> Results:
    """The same study, every block of which found exactly this capacity, or 1 % more or less."""
    found = [
        Capacity(architecture=name, block=block, outcome="found", rate=rate, next_rate=rate)
        for name in results.cards
        for block, rate in enumerate(capacity(name) * np.array([0.99, 1.0, 1.01, 0.995, 1.005]), start=1)
    ]
    return changed(results, capacities=found)


def exact_capacity(service_seconds: float) -> float:
    """Arrivals/s at which the 99th percentile of M/D/1 meets the SLO."""
    found = brentq(
        lambda rate: md1_quantile(0.99, rate, service_seconds) - SLO_SECONDS,
        0.3 / service_seconds,
        0.8 / service_seconds,
    )
    return float(found)


@given(rate=st.floats(0.1, 1e6), headroom=st.floats(0, 0.9))
def test_there_are_enough_replicas_and_not_one_more(rate: float, headroom: float) -> None:
    for fleet in plan(STUDY, rate, headroom=headroom).fleets:
        each = (1 - headroom) * fleet.capacity.low
        assert fleet.replicas * each >= rate * (1 - 1e-6)
        assert (fleet.replicas - 1) * each < rate
        assert fleet.cores == fleet.replicas


def test_a_plan_rests_on_the_lower_end_of_the_capacity_and_on_what_one_alone_took() -> None:
    small, large = plan(STUDY, 5_000, price_per_core_hour=0.1).fleets
    assert small.planned == pytest.approx(0.7 * small.capacity.low)
    assert small.capacity.low < small.capacity.value
    assert (small.architecture, small.replicas, large.replicas) == ("small", 5, 7)
    assert small.memory_bytes == 5 * STUDY.alone["small"].worker_memory_bytes
    assert small.monthly_cost == pytest.approx(5 * 0.1 * 730)
    assert (small.nodes, small.source) == (None, "measured")


def test_nodes_hold_whole_replicas() -> None:
    small, large = plan(STUDY, 5_000, memory_per_node_bytes=1_000_000_000).fleets
    assert (small.replicas, small.nodes) == (5, 3)  # two of 470 MB in each
    assert (large.replicas, large.nodes) == (7, 4)


@pytest.mark.parametrize("worker_bytes", [100_000_000, 300_000_000, 900_000_000])
def test_a_node_has_room_for_what_an_overlay_requests(worker_bytes: int) -> None:
    alone = {name: changed(found, worker_memory_bytes=worker_bytes) for name, found in STUDY.alone.items()}
    requested = size_deployment(plan(changed(STUDY, alone=alone), 5_000), "small").memory_bytes
    small, _ = plan(changed(STUDY, alone=alone), 5_000, memory_per_node_bytes=3 * requested).fleets
    tight, _ = plan(changed(STUDY, alone=alone), 5_000, memory_per_node_bytes=3 * requested - 1).fleets
    assert (small.replicas, small.nodes, tight.nodes) == (5, 2, 3)


def test_the_memory_that_nodes_are_counted_by_is_said(tmp_path: Path) -> None:
    assert "each replica is given 448 MiB" in printed(STUDY, tmp_path, "--memory-per-node", "1GiB", width=200)


def test_the_price_of_the_load_test_stands_in_for_one_that_is_not_given() -> None:
    assert plan(STUDY, 5_000).price_per_core_hour == STUDY.settings.price_per_core_hour


@pytest.mark.parametrize(
    ("share", "headroom", "replicas"), [(0.5, 0.3, 2), (0.7, 0.25, 2), (0.9, 0.3, 3), (0.9, 0.05, 2)]
)
def test_a_known_server_holds_the_slo_with_the_replicas_of_the_plan(
    share: float, headroom: float, replicas: int
) -> None:
    one = exact_capacity(SERVICE_SECONDS)
    rate = share * 2 * one
    fleet = plan(with_capacity(STUDY, lambda name: one), rate, headroom=headroom).fleets[0]
    assert fleet.replicas == replicas
    queue = Queue(deterministic(SERVICE_SECONDS))
    each = [queue.run(np.random.default_rng(seed), rate / replicas, 2_000, 10) for seed in range(replicas)]
    waits = np.concatenate(each)
    assert judge(int((waits > SLO_SECONDS).sum()), len(waits)) == "pass"


def test_an_architecture_whose_gate_failed_is_not_planned_with() -> None:
    found = plan(studies.spoilt_study(), 5_000)
    assert [fleet.architecture for fleet in found.fleets] == ["small"]
    (left,) = found.unplanned
    assert (left.architecture, left.obstacle, left.gates) == ("large", "invalid", ("client lateness",))


@pytest.mark.parametrize(
    ("make", "obstacle"),
    [(studies.hopeless_study, "none held"), (studies.undecided_study, "undecided")],
)
def test_an_architecture_without_a_capacity_says_why(make: Callable[[], Results], obstacle: str) -> None:
    assert [left.obstacle for left in plan(make(), 5_000).unplanned] == [obstacle]


def test_a_capacity_that_the_generator_cut_short_is_planned_with_as_at_least() -> None:
    small, _ = plan(studies.generator_limited_study(), 5_000).fleets
    held = [found.rate for found in studies.generator_limited_study().capacities if found.architecture == "small"]
    assert small.at_least
    assert small.capacity.low == pytest.approx(min(rate for rate in held if rate))


def test_a_service_that_was_started_elsewhere_has_replicas_but_no_cores() -> None:
    small, _ = plan(studies.hosted_study(), 5_000, price_per_core_hour=1).fleets
    assert (small.replicas, small.cores, small.memory_bytes, small.monthly_cost) == (5, None, None, None)


@pytest.mark.parametrize("share", [0.2, 0.25, 0.3])
def test_the_capacity_of_a_queue_is_that_of_erlangs_series(share: float) -> None:
    service = share * SLO_SECONDS
    assert find_capacity(service, SLO_SECONDS) == pytest.approx(exact_capacity(service), rel=0.003)


@given(share=st.floats(1e-6, 0.9), slo=st.floats(1e-3, 10))
def test_the_time_of_a_request_is_found_from_its_capacity(share: float, slo: float) -> None:
    capacity = find_capacity(share * slo, slo)
    assert find_service_seconds(capacity, slo) == pytest.approx(share * slo, rel=1e-6)


def test_a_request_that_takes_all_of_the_slo_has_no_capacity() -> None:
    assert find_capacity(SLO_SECONDS, SLO_SECONDS) == find_capacity(0.9999 * SLO_SECONDS, SLO_SECONDS) == 0


def test_what_was_not_load_tested_is_predicted_from_its_latency() -> None:
    overhead = 0.011
    curve = with_latencies(CURVE, lambda weights: 2e-8 * weights)
    tested = with_capacity(STUDY, lambda name: exact_capacity(overhead + 2e-8 * STUDY.cards[name].parameters))
    found = plan(tested, 100, curve)
    predicted = {fleet.architecture: fleet for fleet in found.fleets if fleet.source == "predicted"}
    fleet = predicted["2x200"]
    truth = exact_capacity(overhead + 2e-8 * fleet.weights)
    assert fleet.capacity.value == pytest.approx(truth, rel=0.01)
    assert fleet.capacity.low < truth < fleet.capacity.high
    assert {"2x50", "5x200"} & predicted.keys() == set()  # small and large, which were measured
    assert [round(1000 * each.overhead.value, 1) for each in found.overheads] == [11.0, 11.0]


def test_latencies_between_the_measured_numbers_of_rows_lie_on_a_line() -> None:
    at_32 = plan(changed(STUDY, settings=changed(STUDY.settings, rows=32)), 100, CURVE).overheads[0]
    point = next(point for point in CURVE.points if str(point.shape) == "2x50")
    low, high = point.latency_seconds[1], point.latency_seconds[64]
    assert at_32.latency.value == pytest.approx(low + 31 / 63 * (high - low), rel=0.1)


def test_a_network_that_takes_most_of_the_slo_is_not_predicted() -> None:
    curve = with_latencies(CURVE, lambda weights: 0.03 if weights == 86_601 else 1e-5)
    found = plan(STUDY, 100, curve)
    assert [(left.architecture, left.obstacle) for left in found.unplanned] == [("2x200", "too slow")]


REFUSED: dict[str, tuple[Results, Curve | None, str]] = {
    "a quick study": (studies.quick_study(), None, "a quick study, which searches for none"),
    "another table": (STUDY, make_curve(fingerprint="other"), "must be of the table that release"),
    "no shape in common": (
        studies.study(WIDE),
        CURVE,
        "load-tested: wide=1x400; swept: 0x0, 1x10",
    ),
    "a service elsewhere": (studies.hosted_study(), CURVE, "started elsewhere (--host)"),
    "a slower machine": (STUDY, with_latencies(CURVE, lambda weights: 1.0), "alone takes 1e+03 ms by the sweep"),
}


@pytest.mark.parametrize(("results", "curve", "words"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_planned_with_is_refused_in_one_line(results: Results, curve: Curve | None, words: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(results, 5_000, curve)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


NEEDED = ("--results", "results", "--rate", "5000")
WRONG = {
    "no rate": (("--results", "results"), "--rate"),
    "a rate of zero": (("--results", "results", "--rate", "0"), "--rate must be a number above 0"),
    "a rate of nothing": ((*NEEDED, "--rate", "many"), "--rate must be a number above 0"),
    "an endless rate": ((*NEEDED, "--rate", "inf"), "--rate must be a number above 0"),
    "no capacity used": ((*NEEDED, "--headroom", "1"), "--headroom must be a number of at least 0 and below 1"),
    "more than all": ((*NEEDED, "--headroom", "-0.1"), "--headroom must be a number of at least 0 and below 1"),
    "memory without a unit": ((*NEEDED, "--memory-per-node", "16"), "such as 16GiB or 500MB, however: '16'"),
    "no memory": ((*NEEDED, "--memory-per-node", "0GiB"), "such as 16GiB or 500MB"),
    "a price of nothing": ((*NEEDED, "--price-per-core-hour", "0"), "--price-per-core-hour must be a number above 0"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG.values(), ids=WRONG)
def test_an_option_that_can_not_be_meant_is_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_plan(list(arguments))
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("text", "size"), [("16GiB", 16 * 2**30), ("500MB", 500_000_000), ("1.5 KiB", 1536)])
def test_memory_is_read_with_its_unit(text: str, size: int) -> None:
    assert parse_plan([*NEEDED, "--memory-per-node", text]).ask.memory_per_node_bytes == size


def printed(results: Results, folder: Path, *options: str, curve: Curve | None = None, width: int = 80) -> str:
    """What the command prints."""
    save_results(results, folder)
    if curve is not None:
        (folder / "curve.json").write_text(curve.model_dump_json())
        options = (*options, "--sweep", str(folder))
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    print_plan(parse_plan(["--results", str(folder), "--rate", "5000", *options]), console)
    return stream.getvalue()


def test_the_table_fits_a_terminal_and_marks_what_is_predicted(tmp_path: Path) -> None:
    text = printed(STUDY, tmp_path, "--memory-per-node", "1GiB", curve=CURVE)
    assert max(map(len, text.splitlines())) <= 80
    measured, predicted = text.index("Measured [95 %]"), text.index("Predicted [range]")
    assert measured < text.index("large (5x200)") < predicted < text.index("2x200")
    assert "Caution: Predicted is not measured" in text


def test_a_plan_is_written_as_json(tmp_path: Path) -> None:
    printed(STUDY, tmp_path, "--json", str(tmp_path / "plan.json"))
    written = FleetPlan.model_validate_json((tmp_path / "plan.json").read_text())
    assert [(fleet.architecture, fleet.replicas) for fleet in written.fleets] == [("small", 5), ("large", 7)]


def test_a_plan_that_can_not_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"--json must be written, however: .*: Is a directory"):
        printed(STUDY, tmp_path, "--json", str(tmp_path))


def test_without_any_capacity_nothing_is_planned_and_the_gates_are_named(tmp_path: Path) -> None:
    spoilt = studies.spoilt_study()
    both = changed(studies.spoilt_study(architecture="small"), trials=[
        *(trial for trial in spoilt.trials if trial.load.architecture == "large"),
        *(t for t in studies.spoilt_study(architecture="small").trials if t.load.architecture == "small"),
    ])  # fmt: skip
    with pytest.raises(InputError) as caught:
        printed(both, tmp_path)
    assert str(caught.value).count("its capacity is INVALID (gate failed: client lateness)") == 2


def test_a_node_without_room_for_one_replica_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--memory-per-node must have room for a replica"):
        printed(STUDY, tmp_path, "--memory-per-node", "10MB")


def test_a_partial_study_and_another_machine_are_cautioned_of(tmp_path: Path) -> None:
    partial = changed(studies.study(SMALL, LARGE), partial="stopped by Ctrl-C")
    elsewhere = changed(CURVE, machine=changed(CURVE.machine, model="Another"))
    text = " ".join(printed(partial, tmp_path, curve=elsewhere).split())
    assert "the load test ended before its end: stopped by Ctrl-C" in text
    assert "the sweep was measured on Another, the load test on AMD EPYC" in text


def test_no_name_becomes_a_style_or_a_control_character(tmp_path: Path) -> None:
    text = printed(studies.hostile_study(), tmp_path, width=200)
    assert "\x1b" not in text
    assert "[red]" in text


def test_the_hours_of_a_month_are_stated(tmp_path: Path) -> None:
    assert "730 hours a month" in printed(STUDY, tmp_path)
