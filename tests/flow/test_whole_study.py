"""A whole study by ``python -m loadtest``, which starts its own services."""

from pathlib import Path

import pytest

from loadtest.analysis.counts import find_missing
from loadtest.record.results_file import load_results
from tests.flow.studying import ALL_OUTPUTS, outputs, run

TIME_WAS_OVER = "its time was over"
"""What a machine that is too slow or too busy makes of a study: it says so, and what it left out."""

# Alone, for what a study says of a busy machine is INVALID: that, too, is accepted here, but proves less.
pytestmark = [pytest.mark.slow, pytest.mark.measures]


@pytest.fixture(scope="module")
def whole(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """As short as can be, and of a single architecture: what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("study")
    asked = ("--architecture", "small", "--blocks", "1", "--seconds", "1", "--price-per-core-hour", "0.04")
    code, output, errors = run(*asked, "--output", str(folder), BENTOML_HOME=str(home))
    assert code == 0, errors
    return output, folder


def test_it_measures_every_phase_and_the_architecture_alone(whole: tuple[str, Path], release: str) -> None:
    results = load_results(whole[1])
    assert results.release == release
    if results.partial is None:
        assert {trial.phase for trial in results.trials} >= {"in flight", "search", "rows"}
        assert {found.architecture for found in results.capacities} == results.alone.keys() == {"small"}
    else:
        assert TIME_WAS_OVER in results.partial
        assert find_missing(results)
    assert all(50e6 < alone.worker_memory_bytes <= 180e6 for alone in results.alone.values())
    assert all(not trial.failures for trial in results.trials if trial.verdict != "fail")


def test_it_writes_its_reports_and_every_request(whole: tuple[str, Path]) -> None:
    output, folder = whole
    assert outputs(folder) == ALL_OUTPUTS
    kept = {file.stem for file in (folder / "samples").glob("[0-9]*.npz")}
    assert kept == {f"{trial.number:04}" for trial in load_results(folder).trials}
    assert output.startswith("At p99 <= 50 ms") or TIME_WAS_OVER in " ".join(output.split())
    assert str(folder / "report.html") in output


def test_compared_with_itself_one_block_can_not_be_judged(whole: tuple[str, Path]) -> None:
    code, output, errors = run("--compare", str(whole[1]), str(whole[1]))
    if load_results(whole[1]).valid:
        assert code == 2
        assert "two results must share a figure with an interval" in " ".join(errors.split())
    else:  # a disturbed machine: then nothing may be said
        assert code == 1
        assert "INVALID" in output
