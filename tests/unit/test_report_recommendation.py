"""What the report recommends, why, and what would change it."""

from dataclasses import replace

import pytest

from loadtest.analysis.summary import summarise_study
from loadtest.record.results import Results
from loadtest.report.recommendation import Recommendation, recommend
from service.contract.card import Difference
from tests.studies import (
    LARGE,
    SMALL,
    WIDE,
    changed,
    generator_limited_study,
    hopeless_study,
    partial_study,
    quick_study,
    regression_study,
    shown_gain_study,
    spoilt_study,
    study,
    undecided_study,
)


def recommendation(results: Results) -> Recommendation:
    return recommend(summarise_study(results))


def test_the_cheaper_one_is_taken_where_no_gain_is_shown() -> None:
    said = recommendation(study())
    assert said.headline == "Take small."
    assert "large sustains 0.69 [0.68, 0.71] times the rows/s" in str(said.reason)
    assert said.change == "A quality gain shown with more held-out rows would change it."


def test_a_study_that_leaves_out_the_best_says_that_one_with_it_could_change_the_choice() -> None:
    behind = {name: Difference(best="wide", mean=-0.02, low=-0.03, high=-0.01) for name in ("small", "large")}
    said = recommendation(changed(study(), differences=behind))
    assert said.headline == "Take small."
    assert "The best on held-out rows, wide, was not measured." in str(said.reason)
    assert said.change == "A study with the best on held-out rows would change it."


def test_a_shown_gain_is_given_its_price() -> None:
    said = recommendation(shown_gain_study())
    assert said.headline == "It depends on what accuracy is worth: small or large."
    # 30,200 rows/s, 4.4 MB and 0.00005 for 1.41 points
    assert "Each point (0.01) of accuracy costs 21,400 rows/s, 3.12 MB of worker memory and" in str(said.reason)


def test_a_dearer_one_whose_estimate_is_worse_is_no_choice() -> None:
    """``large`` is not shown to be worse than the best, and is estimated worse than the cheapest, which is."""
    behind = {
        "small": Difference(best="wide", mean=-0.01, low=-0.015, high=-0.005),
        "large": Difference(best="wide", mean=-0.02, low=-0.05, high=0.01),
    }
    results = study(SMALL, replace(LARGE, row_ms=0.0105, accuracy=0.92), replace(WIDE, row_ms=0.013))
    accuracies = {name: card.test.accuracy for name, card in results.cards.items()}
    assert accuracies["large"] < accuracies["small"]  # type: ignore[operator]
    said = recommendation(changed(results, differences=behind))
    assert said.headline == "It depends on what accuracy is worth: small or wide."


def test_what_is_not_shown_to_be_lost_is_no_price() -> None:
    """As fast, and better: only the memory, which is more, is left as a price."""
    said = recommendation(shown_gain_study(replace(LARGE, row_ms=SMALL.row_ms, fixed_ms=SMALL.fixed_ms)))
    assert "rows/s and" not in str(said.reason)
    assert "Each point (0.01) of accuracy costs 3.12 MB of worker memory (estimates" in str(said.reason)


def test_a_better_one_with_which_nothing_is_shown_to_be_lost_is_taken() -> None:
    free = replace(LARGE, row_ms=SMALL.row_ms, fixed_ms=SMALL.fixed_ms, worker_mb=SMALL.worker_mb)
    said = recommendation(shown_gain_study(free))
    assert said.headline == "Take large."
    assert "buys +0.0141 accuracy [+0.0091, +0.0191] over small, and nothing is shown to be lost." in str(said.reason)
    assert "costs" not in str(said.reason)


def test_a_regressions_price_is_for_a_percent_of_the_squared_error() -> None:
    assert "Each percent off the squared error costs" in str(recommendation(regression_study()).reason)


def test_the_cheaper_one_that_is_shown_to_be_better_is_taken() -> None:
    better = changed(study(), differences={"large": Difference(best="small", mean=-0.02, low=-0.03, high=-0.01)})
    said = recommendation(better)
    assert said.headline == "Take small."
    assert "small is also the best on held-out rows." in str(said.reason)


def test_the_one_of_fewest_weights_is_the_cheaper_where_rates_do_not_differ() -> None:
    twin = replace(SMALL, name="twin", parameters=2 * SMALL.parameters)
    said = recommendation(study(twin, SMALL))
    assert said.headline == "Take small."
    assert "(no difference shown) times the rows/s with 2.0 times the weights" in str(said.reason)
    assert "more blocks" in said.change


def test_a_smaller_one_that_is_slower_is_not_the_cheaper() -> None:
    slow = replace(SMALL, name="slow", parameters=10, row_ms=0.02)
    assert recommendation(study(slow, SMALL)).headline == "Take small."


def test_only_what_holds_the_slo_is_taken() -> None:
    said = recommendation(hopeless_study())
    assert said.headline == "Take small."
    assert "large holds the SLO at no rate that was tried" in str(said.reason)
    assert "looser SLO" in said.change


def test_a_quick_study_recommends_provisionally() -> None:
    assert recommendation(quick_study()).headline == "Take small, provisionally."
    assert "A whole study (without --quick)" in recommendation(quick_study()).change


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (spoilt_study(), "The rate of large is INVALID."),
        (undecided_study(), "The rate of large is undecided or was not measured."),
        (generator_limited_study(), "Of small the load generator's limit is known, not the service's."),
        (partial_study(), "The study is not whole: stopped by Ctrl-C."),
        (study(SMALL), "There is nothing to choose between."),
        (changed(study(), differences={}), "Whether one is more accurate is not known"),
    ],
    ids=["invalid", "undecided", "generator", "partial", "one", "no evaluation"],
)
def test_nothing_is_recommended_from_what_is_not_known(results: Results, reason: str) -> None:
    assert recommendation(results).headline == "None yet."
    assert str(recommendation(results).reason).startswith(reason)
