"""Two results compared: what counts as worse, and what can't be compared."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.compare import compare_results
from loadtest.record.errors import InputError
from loadtest.record.results import Results
from loadtest.record.results_file import load_results, save_results
from tests import studies


def run(old: Results, new: Results, folder: Path, tolerance: float = 0.05) -> tuple[int, str]:
    for name, results in (("old", old), ("new", new)):
        (folder / name).mkdir()
        save_results(results, folder / name)
    stream = io.StringIO()
    console = Console(file=stream, width=100, highlight=False)
    code = compare_results(folder / "old", folder / "new", tolerance=tolerance, console=console)
    return code, stream.getvalue()


def slower(results: Results, factor: float) -> Results:
    """The same study of a service that stands ``factor`` times the rate."""
    capacities = [
        found.model_copy(update={"rate": (found.rate or 0) * factor, "next_rate": (found.next_rate or 0) * factor})
        for found in results.capacities
    ]
    loads = (trial.load for trial in results.trials)
    scaled = [load.model_copy(update={"rate": load.rate and load.rate * factor}) for load in loads]
    trials = [trial.model_copy(update={"load": load}) for trial, load in zip(results.trials, scaled, strict=True)]
    return results.model_copy(update={"capacities": capacities, "trials": trials})


def test_the_same_results_are_not_worse(tmp_path: Path) -> None:
    code, output = run(studies.study(), studies.study(), tmp_path)
    assert code == 0
    assert output.startswith("No figure is worse by more than 5%.")


def test_a_tenth_less_capacity_is_worse_and_named(tmp_path: Path) -> None:
    code, output = run(studies.study(), slower(studies.study(), 0.9), tmp_path)
    assert code == 1
    assert output.startswith("WORSE by more than 5% (new / old): small: rows/s 0.90 [")


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


def test_a_change_without_an_interval_is_shown_and_fails_nothing(tmp_path: Path) -> None:
    old = studies.study(blocks=2)
    code, output = run(old, slower(old, 0.5), tmp_path)
    assert (code, output.splitlines()[0]) == (0, "No figure is worse by more than 5%.")
    assert "no interval" in output


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
