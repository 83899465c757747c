"""Two results compared: what counts as worse, and what can't be compared."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.compare import compare_results
from loadtest.record.errors import InputError
from loadtest.record.results import Capacity, Results
from loadtest.record.results_file import load_results, save_results
from loadtest.record.trials import Trial
from tests import studies


def run(
    old: Results, new: Results, folder: Path, tolerance: float = 0.05, stream: io.StringIO | None = None
) -> tuple[int, str]:
    for name, results in (("old", old), ("new", new)):
        (folder / name).mkdir()
        save_results(results, folder / name)
    stream = stream or io.StringIO()
    console = Console(file=stream, width=100, highlight=False)
    code = compare_results(folder / "old", folder / "new", tolerance=tolerance, console=console)
    return code, stream.getvalue()


def slower(results: Results, factor: float) -> Results:
    """The same study of a service, or on a machine, that stands ``factor`` times the rate with each architecture."""
    capacities = [
        found.model_copy(update={"rate": (found.rate or 0) * factor, "next_rate": (found.next_rate or 0) * factor})
        for found in results.capacities
    ]
    loads = (trial.load for trial in results.trials)
    scaled = [load.model_copy(update={"rate": load.rate and load.rate * factor}) for load in loads]
    trials = [trial.model_copy(update={"load": load}) for trial, load in zip(results.trials, scaled, strict=True)]
    return results.model_copy(update={"capacities": capacities, "trials": trials})


def with_large(results: Results, factor: float = 1.0, outcome: str = "found") -> Results:
    """The same study, in which the searches for the capacity of ``large`` found ``factor`` times as much."""

    def change(found: Capacity) -> Capacity:
        assert found.rate is not None
        assert found.next_rate is not None
        rates = {"rate": factor * found.rate, "next_rate": factor * found.next_rate}
        return studies.changed(found, outcome=outcome, **rates)

    capacities = [change(found) if found.architecture == "large" else found for found in results.capacities]
    return studies.changed(results, capacities=capacities)


def test_the_same_results_are_not_worse(tmp_path: Path) -> None:
    code, output = run(studies.study(), studies.study(), tmp_path)
    assert code == 0
    assert output.startswith("No figure is worse by more than 5%.")


def test_a_tenth_less_capacity_is_worse_and_named(tmp_path: Path) -> None:
    code, output = run(studies.study(), with_large(studies.study(), 0.9), tmp_path)
    assert code == 1
    assert output.startswith("WORSE by more than 5% (new / old): large: rows/s 0.90 [")
    assert "small" not in output.splitlines()[0]


def test_what_is_worse_alike_is_told_and_not_judged_for_machines_drift(tmp_path: Path) -> None:
    code, output = run(studies.study(), slower(studies.study(), 0.9), tmp_path)
    assert code == 0
    assert output.startswith("NOT JUDGED, for the machine may have drifted (new / old): small: rows/s 0.90 [")
    assert "; large: rows/s 0.90 [" in output.splitlines()[0]


def test_more_than_machines_drift_is_worse_even_if_all_are_alike(tmp_path: Path) -> None:
    code, output = run(studies.study(), slower(studies.study(), 0.65), tmp_path)
    assert code == 1
    assert output.startswith("WORSE by more than 5% (new / old): small: rows/s 0.65 [")


def test_one_that_is_worse_on_a_slower_machine_is_named_alone(tmp_path: Path) -> None:
    code, output = run(studies.study(), with_large(slower(studies.study(), 0.9), 0.9), tmp_path)
    assert code == 1
    assert output.startswith("WORSE by more than 5% (new / old): large: rows/s 0.81 [")
    assert "NOT JUDGED, for the machine may have drifted (new / old): small: rows/s 0.90 [" in output.splitlines()[0]


def test_a_gain_of_one_is_no_loss_of_the_others(tmp_path: Path) -> None:
    assert run(studies.study(), with_large(studies.study(), 1.2), tmp_path)[0] == 0


def test_an_architecture_without_others_is_judged_by_itself(tmp_path: Path) -> None:
    assert run(studies.study(studies.SMALL), slower(studies.study(studies.SMALL), 0.9), tmp_path)[0] == 1


def test_a_tenth_more_capacity_is_not_worse(tmp_path: Path) -> None:
    assert run(studies.study(), slower(studies.study(), 1.1), tmp_path)[0] == 0


def test_what_the_tolerance_allows_is_not_worse(tmp_path: Path) -> None:
    assert run(studies.study(), slower(studies.study(), 0.9), tmp_path, tolerance=0.2)[0] == 0


def test_a_change_within_the_noise_is_not_worse(tmp_path: Path) -> None:
    old = studies.study(blocks=3)
    rates = iter((0.6, 1.0, 1.3) * 2)
    noisy = [found.model_copy(update={"rate": (found.rate or 0) * next(rates)}) for found in old.capacities]
    code, output = run(old, old.model_copy(update={"capacities": noisy}), tmp_path)
    assert (code, output.splitlines()[0]) == (0, "No figure is worse by more than 5%.")


def test_an_invalid_result_can_not_be_compared(tmp_path: Path) -> None:
    partial = studies.study().model_copy(update={"partial": "stopped by Ctrl-C"})
    code, output = run(studies.study(), partial, tmp_path)
    assert code == 1
    assert output.startswith("NEW is INVALID")


def test_another_slo_is_refused(tmp_path: Path) -> None:
    old = studies.study()
    other = old.model_copy(update={"settings": old.settings.model_copy(update={"slo_p99_ms": 20.0})})
    with pytest.raises(InputError, match="two results must be of the same slo_p99_ms, however: 50"):
        run(old, other, tmp_path)


def test_results_without_a_common_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must share an architecture"):
        run(studies.study(studies.SMALL), studies.study(studies.WIDE), tmp_path)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (studies.hopeless_study(), "large: rows/s none held, was 68,200 ["),
        (studies.undecided_study(), "large: rows/s undecided, was 68,200 ["),
        (studies.study(studies.SMALL), "large: rows/s left out, was 68,200 ["),
    ],
    ids=["none held", "undecided", "left out"],
)
def test_a_figure_that_the_new_results_lack_fails_the_gate(new: Results, words: str, tmp_path: Path) -> None:
    code, output = run(studies.study(), new, tmp_path)
    assert code == 1
    assert output.startswith(f"LOST: NEW must have each figure that OLD has, however: {words}")
    assert "p99" not in output.splitlines()[0]


def test_a_figure_that_neither_has_fails_nothing(tmp_path: Path) -> None:
    assert run(studies.hopeless_study(), studies.hopeless_study(), tmp_path)[0] == 0


def test_an_architecture_that_is_new_fails_nothing(tmp_path: Path) -> None:
    assert run(studies.study(studies.SMALL), studies.study(), tmp_path)[0] == 0


@pytest.mark.parametrize(("factor", "code"), [(1 / 3, 1), (0.97, 0), (2.0, 0)])
def test_less_than_what_the_generator_could_offer_before_is_worse(factor: float, code: int, tmp_path: Path) -> None:
    old, new = with_large(studies.study(), outcome="generator"), with_large(studies.study(), factor)
    found, output = run(old, new, tmp_path)
    assert found == code
    assert ("(new / old): large: rows/s <= 0.34 [" in output.splitlines()[0]) == (code == 1)


@pytest.mark.parametrize(("factor", "code"), [(1 / 3, 1), (1.0, 0), (2.0, 0)])
def test_a_generator_that_could_offer_too_little_to_tell_fails_the_gate(
    factor: float, code: int, tmp_path: Path
) -> None:
    new = with_large(studies.study(), factor, outcome="generator")
    found, output = run(studies.study(), new, tmp_path)
    assert found == code
    assert ("large: rows/s >= 22,200, was 68,200 [" in output.splitlines()[0]) == (code == 1)


def with_latencies(results: Results, factor: float) -> Results:
    """The same study, in which the slowest hundredth of open arrivals was answered ``factor`` times as late."""

    def change(trial: Trial) -> Trial:
        if trial.latency is None or trial.load.rate is None:
            return trial
        return studies.changed(trial, latency=studies.changed(trial.latency, p99_ms=factor * trial.latency.p99_ms))

    return studies.change_trials(results, change)


def with_offered(results: Results, factor: float) -> Results:
    """The same study, in which ``factor`` times as much was offered."""
    return studies.change_trials(
        results,
        lambda trial: studies.changed(
            trial, load=studies.changed(trial.load, rate=trial.load.rate and factor * trial.load.rate)
        ),
    )


@pytest.mark.parametrize(("offered", "code"), [(1.0, 1), (0.9, 1), (1.1, 0)])
def test_p99_of_a_quick_study_is_judged_where_no_more_was_asked(offered: float, code: int, tmp_path: Path) -> None:
    new = with_offered(with_latencies(studies.quick_study(), 2), offered)
    found, output = run(studies.quick_study(), new, tmp_path)
    assert found == code
    assert ("small: p99, ms 2.00 [" in output.splitlines()[0]) == (code == 1)


def test_p99_at_a_share_of_the_capacity_is_not_judged(tmp_path: Path) -> None:
    assert run(studies.study(), with_latencies(studies.study(), 2), tmp_path)[0] == 0


@pytest.mark.parametrize("blocks", [1, 2])
def test_results_without_any_interval_are_shown_and_refused(blocks: int, tmp_path: Path) -> None:
    old, stream = studies.study(blocks=blocks), io.StringIO()
    with pytest.raises(InputError, match=r"must share a figure with an interval, .* however: these have none"):
        run(old, slower(old, 0.5), tmp_path, stream=stream)
    assert "no interval" in stream.getvalue()
    assert "worse" not in stream.getvalue()


def test_memory_that_was_measured_once_fails_nothing(tmp_path: Path) -> None:
    old = studies.study()
    larger = {name: studies.changed(found, worker_memory_bytes=10**9) for name, found in old.alone.items()}
    assert run(old, studies.changed(old, alone=larger), tmp_path)[0] == 0


@pytest.mark.parametrize("name", ["workers", "processors", "service_processors"])
def test_results_of_another_number_of_workers_or_processors_are_refused(tmp_path: Path, name: str) -> None:
    old = studies.study()
    other = studies.changed(old, environment=studies.changed(old.environment, **{name: 4}))
    with pytest.raises(InputError, match=f"two results must be of the same {name}, however: [12] and 4"):
        run(old, other, tmp_path)


def test_results_of_an_older_format_are_refused(tmp_path: Path) -> None:
    file = save_results(studies.study(), tmp_path)
    file.write_text(file.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(InputError, match=r"must be of this version \(format 3\), however: .*results.json: format"):
        load_results(file)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = studies.spoilt_study(gate=studies.WRONG)
    assert load_results(save_results(results, tmp_path)) == results
