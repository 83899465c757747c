"""Figures of a study: from which trials they are, with which interval, and when they are withheld."""

from collections.abc import Callable

import pytest

from loadtest.analysis.counts import GateTally, MissingPhase
from loadtest.analysis.figures import FailedGate, figure_ratio
from loadtest.analysis.summary import ArchitectureFigures, StudySummary, compare_rates, summarise_study
from loadtest.record.intervals import bracketed, paired_ratio
from loadtest.record.results import Capacity, Results
from loadtest.record.trials import Trial
from tests.studies import (
    COMMON_RATE,
    LATE,
    SMALL,
    change_trials,
    changed,
    generator_limited_study,
    hopeless_study,
    hosted_study,
    partial_study,
    quick_study,
    regression_study,
    spoilt_study,
    study,
    undecided_study,
)

ROWS = 64


def small_and_large(results: Results) -> tuple[ArchitectureFigures, ArchitectureFigures]:
    small, large = summarise_study(results).architectures
    return small, large


def test_the_sustained_rate_lies_between_the_rates_that_held_and_those_that_did_not() -> None:
    results = study()
    small, _ = small_and_large(results)
    found = [capacity for capacity in results.capacities if capacity.architecture == "small"]
    held, missed = [each.rate or 0.0 for each in found], [each.next_rate or 0.0 for each in found]
    expected = bracketed(held, missed)
    assert expected is not None
    value = small.sustained.requests.value
    assert value is not None
    assert (value.estimate, value.low, value.high) == pytest.approx((expected.estimate, expected.low, expected.high))
    assert small.rows_per_second.value is not None
    assert small.rows_per_second.value.estimate == pytest.approx(ROWS * value.estimate)


def test_rates_are_compared_block_by_block() -> None:
    results = study()
    small, large = small_and_large(results)
    by_block = {(found.architecture, found.block): found.rate or 0.0 for found in results.capacities}
    above, below = ([by_block[name, block] for block in range(1, 6)] for name in ("large", "small"))
    found, expected = compare_rates(large, small), paired_ratio(above, below)
    assert found is not None
    assert expected is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((expected.estimate, expected.low, expected.high))


def test_latencies_are_those_of_the_rate_nearest_to_70_percent_of_the_sustained_one() -> None:
    small, _ = small_and_large(study())
    assert small.operating.rate.value is not None
    assert small.sustained.requests.value is not None
    share = small.operating.rate.value.estimate / small.sustained.requests.value.estimate
    assert share == pytest.approx(0.7, abs=0.02)  # the simulated curve follows the true capacity, not the found one


def test_a_quick_study_has_saturation_and_latencies_at_the_common_rate() -> None:
    small, large = small_and_large(quick_study())
    assert small.sustained.outcome == "missing"
    assert small.rows_per_second.value is not None
    for figures in (small, large):
        assert figures.operating.rate.value is not None
        assert figures.operating.rate.value.estimate == pytest.approx(COMMON_RATE)


def test_a_million_predictions_cost_the_services_processors_for_as_long_as_they_take() -> None:
    small, _ = small_and_large(study())
    assert small.cost.value is not None
    assert small.rows_per_second.value is not None
    # 0.04 for an hour of the one processor
    assert small.cost.value.estimate == pytest.approx(0.04 / 3600 * 1e6 / small.rows_per_second.value.estimate)


def test_without_a_price_or_processors_of_its_own_there_is_no_cost() -> None:
    results = study()
    shared = changed(results, environment=changed(results.environment, service_processors=None))
    free = changed(results, settings=changed(results.settings, price_per_core_hour=None))
    assert [small_and_large(results)[0].cost.value for results in (shared, free, hosted_study())] == [None, None, None]


def test_one_block_gives_an_estimate_without_an_interval() -> None:
    small, _ = small_and_large(partial_study())
    assert small.rows_per_second.value is not None
    assert small.rows_per_second.value.low is None


def test_what_the_generator_limits_is_a_bound_and_no_ratio_is_made_of_it() -> None:
    small, large = small_and_large(generator_limited_study())
    assert (small.rows_per_second.bound, small.cost.bound) == ("at least", "at most")
    assert small.rows_per_second.value is not None
    assert small.rows_per_second.value.low is None
    assert compare_rates(large, small) is None
    assert figure_ratio(large.cost, small.cost) is None


def test_what_the_generator_limits_is_no_more_than_the_rates_that_held() -> None:
    results = study()
    refused = [
        changed(found, outcome="generator", rate=1_000.0, next_rate=1_050.0) if found.architecture == "small" else found
        for found in results.capacities
    ]
    small, _ = small_and_large(changed(results, capacities=refused))
    assert small.sustained.requests.bound == "at least"
    assert small.sustained.requests.value is not None
    assert small.sustained.requests.value.estimate == pytest.approx(1_000)


@pytest.mark.parametrize("outcome", ["undecided", "none"])
def test_where_nothing_was_found_because_no_trial_could_be_believed_the_study_is_invalid(outcome: str) -> None:
    results = study()
    nothing = [
        changed(found, outcome=outcome, rate=None, next_rate=10.0) if found.architecture == "large" else found
        for found in results.capacities
    ]

    def disturb(trial: Trial) -> Trial:
        searched = (trial.phase, trial.load.architecture) == ("search", "large")
        return changed(trial, gates=[LATE, *trial.gates[1:]]) if searched else trial

    disturbed = change_trials(changed(results, capacities=nothing), disturb)
    assert not disturbed.valid
    small, large = small_and_large(disturbed)
    assert (small.sustained.outcome, large.sustained.outcome) == ("found", "invalid")
    assert [gate.worst for gate in large.sustained.requests.withheld] == [LATE]


def test_where_nothing_holds_the_lowest_rate_that_was_tried_is_known() -> None:
    _, large = small_and_large(hopeless_study())
    assert large.sustained.outcome == "none"
    assert large.sustained.lowest is not None
    assert large.sustained.lowest.p99_ms.value is not None
    assert large.sustained.lowest.p99_ms.value.estimate == pytest.approx(71.3)
    assert large.operating.p99_ms.value is None


def test_one_undecided_block_leaves_the_whole_undecided() -> None:
    _, large = small_and_large(undecided_study())
    assert (large.sustained.outcome, large.rows_per_second.value) == ("undecided", None)


def test_a_failed_gate_in_the_search_withholds_the_rate_and_all_that_rests_on_it() -> None:
    small, large = small_and_large(spoilt_study("search", "large"))
    assert large.sustained.outcome == "invalid"
    figures = (large.rows_per_second, large.cost, large.operating.p99_ms, large.operating.cpu_ms)
    assert all(figure.value is None and figure.withheld for figure in figures)
    assert large.rows_per_second.withheld == (FailedGate(worst=LATE, failed=4, trials=25),)
    assert small.rows_per_second.withheld == large.saturation.withheld == ()


def test_a_failed_gate_at_the_operating_point_withholds_the_latencies_and_not_the_rate() -> None:
    small, _ = small_and_large(spoilt_study("curve", "small"))
    assert small.rows_per_second.value is not None
    assert small.operating.p50_ms.value is None
    assert small.operating.p50_ms.withheld


def fail_gates_of(results: Results, *, above: Callable[[Capacity], float]) -> Results:
    """The search alone, where every trial at more than a rate of its block failed its gates."""
    limits = {(found.architecture, found.block): above(found) for found in results.capacities}

    def spoil(trial: Trial) -> Trial:
        beyond = (trial.load.rate or 0) > limits[trial.load.architecture, trial.block] * 1.001
        return changed(trial, gates=[changed(gate, ok=False) for gate in trial.gates]) if beyond else trial

    search = [trial for trial in results.trials if trial.phase == "search"]
    return change_trials(changed(results, trials=search), spoil)


def test_a_failed_gate_beyond_the_rate_that_was_not_held_withholds_nothing() -> None:
    beyond = fail_gates_of(study(), above=lambda capacity: capacity.next_rate or 0)
    assert not all(trial.valid for trial in beyond.trials)
    assert beyond.valid
    summary = summarise_study(beyond)
    assert [figures.sustained.outcome for figures in summary.architectures] == ["found", "found"]
    assert tally_of(summary, "client lateness").failed == 0


def test_a_failed_gate_at_the_rate_that_was_not_held_withholds_the_capacity_which_would_be_too_low() -> None:
    disturbed = fail_gates_of(study(), above=lambda capacity: capacity.rate or 0)
    assert not disturbed.valid
    assert [figures.sustained.outcome for figures in summarise_study(disturbed).architectures] == ["invalid", "invalid"]


def test_no_figure_rests_on_a_trial_that_was_run_again() -> None:
    spoilt = spoilt_study("search", "large")
    replaced = change_trials(spoilt, lambda trial: trial if trial.valid else changed(trial, replaced=True))
    assert [figures.sustained.outcome for figures in summarise_study(replaced).architectures] == ["found", "found"]


def tally_of(summary: StudySummary, gate: str) -> GateTally:
    return next(tally for tally in summary.gates if tally.worst.name == gate)


def test_gates_are_counted_and_the_worst_is_named() -> None:
    tally = tally_of(summarise_study(spoilt_study()), "client lateness")
    assert (tally.failed, tally.worst) == (4, LATE)
    assert tally.passed == 110 - 4


def test_what_could_not_be_judged_is_counted_apart() -> None:
    tally = tally_of(summarise_study(study()), "nothing dropped")
    assert tally.failed == 0
    assert tally.unknown > 0


def test_sent_and_dropped_are_what_was_offered() -> None:
    for count in summarise_study(study()).requests:
        assert count.sent + count.dropped == count.offered


def test_a_gain_is_the_evaluations_difference_whichever_of_the_two_is_the_best() -> None:
    small, large = small_and_large(study())
    up, down = large.gains["small"], small.gains["large"]
    assert up is not None
    assert down is not None
    assert (up.estimate, up.low, up.high) == pytest.approx((0.004, -0.001, 0.009))
    assert (down.estimate, down.low, down.high) == pytest.approx((-0.004, -0.009, 0.001))


def test_a_regressions_gain_is_squared_error_taken_off() -> None:
    _, large = small_and_large(regression_study())
    gained = large.gains["small"]
    assert gained is not None
    assert gained.estimate == pytest.approx(55.1**2 - 52.8**2)
    assert gained.low == pytest.approx(gained.estimate - 130)


def test_without_the_evaluation_a_gain_has_no_interval() -> None:
    _, large = small_and_large(changed(study(), differences={}))
    gained = large.gains["small"]
    assert gained is not None
    assert gained.estimate == pytest.approx(0.004)
    assert gained.low is None


def test_a_partial_study_names_what_is_missing() -> None:
    assert summarise_study(partial_study()).missing == (
        MissingPhase("in flight", blocks=2, asked=3),
        MissingPhase("search", blocks=4, asked=5),
        MissingPhase("curve", blocks=4, asked=5),
        MissingPhase("rows", blocks=2, asked=3),
        MissingPhase(None, blocks=1, asked=1),
    )
    assert summarise_study(study(SMALL)).missing == ()


@pytest.mark.parametrize("phase", ["curve", "rows", "in flight"])
def test_a_block_of_which_a_load_is_missing_is_not_whole(phase: str) -> None:
    whole = study(blocks=3)
    last = [trial for trial in whole.trials if trial.phase == phase and trial.block == 3][-1]
    cut = changed(whole, trials=[trial for trial in whole.trials if trial is not last], partial="stopped by Ctrl-C")
    (missing,) = summarise_study(cut).missing
    assert (missing.phase, missing.blocks, missing.asked) == (phase, 1, 3)
