"""``python -m loadtest`` against real services, and against some that fail: what it says, keeps and exits with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.analysis.counts import find_missing
from loadtest.record.results import RESULTS_FILE, Results, load_results
from loadtest.target.server import Server, serve
from tests.commands import ROOT
from tests.flow.loads import Liar, Pretender, pretend

LIMIT_SECONDS = 900
"""A study ends within 1.5 times the four minutes that the longest here announces: this is for one that hangs."""
TIME_WAS_OVER = "its time was over"
"""What a machine that is too slow or too busy makes of a study: it says so, and what it left out."""
QUICK = ("--quick", "--blocks", "1", "--seconds", "1", "--rows", "2")
ONE_TRIAL_SECONDS = 60


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error."""
    with start(*arguments, **environment) as process:
        output, errors = process.communicate(timeout=LIMIT_SECONDS)
        return process.returncode, output, errors


def one_line(errors: str) -> str:
    assert "Traceback" not in errors
    (line,) = errors.strip().splitlines()
    return line


def wait_for_a_trial(folder: Path) -> None:
    deadline = time.monotonic() + ONE_TRIAL_SECONDS
    while not (folder / RESULTS_FILE).exists():
        assert time.monotonic() < deadline, "no trial ended"
        time.sleep(0.05)


def outputs(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


ALL_OUTPUTS = {"report.html", "report.md", "results.json", "samples"}


@pytest.fixture(scope="module")
def whole(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A whole study that starts its own services, as short as can be: what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("study")
    asked = ("--blocks", "1", "--seconds", "1", "--output", str(folder), "--price-per-core-hour", "0.04")
    code, output, errors = run(*asked, BENTOML_HOME=str(home))
    assert code == 0, errors
    return output, folder


@pytest.mark.slow
def test_a_whole_study_measures_every_phase_and_each_architecture_alone(whole: tuple[str, Path], release: str) -> None:
    results = load_results(whole[1])
    assert results.release == release
    if results.partial is None:
        assert {trial.phase for trial in results.trials} >= {"in flight", "search", "rows"}
        assert {capacity.architecture for capacity in results.capacities} == set(results.alone) == {"small", "large"}
    else:
        assert TIME_WAS_OVER in results.partial
        assert find_missing(results)
    assert all(50e6 < alone.worker_memory_bytes <= 180e6 for alone in results.alone.values())
    assert all(not trial.failures for trial in results.trials if trial.verdict != "fail")


@pytest.mark.slow
def test_a_whole_study_writes_its_reports_and_every_request(whole: tuple[str, Path]) -> None:
    output, folder = whole
    assert outputs(folder) == ALL_OUTPUTS
    trials = load_results(folder).trials
    assert {file.stem for file in (folder / "samples").glob("[0-9]*.npz")} == {f"{trial.number:04}" for trial in trials}
    assert output.startswith("At p99 <= 50 ms") or TIME_WAS_OVER in " ".join(output.split())
    assert str(folder / "report.html") in output


@pytest.mark.slow
def test_a_study_compared_with_itself_is_not_worse(whole: tuple[str, Path]) -> None:
    code, output, _ = run("--compare", str(whole[1]), str(whole[1]))
    if load_results(whole[1]).valid:
        assert (code, output.splitlines()[0]) == (0, "No figure is worse by more than 5%.")
    else:  # a disturbed machine: then nothing may be said
        assert code == 1
        assert "INVALID" in output


def test_a_quick_study_of_a_running_service_past_a_proxy_that_is_not_there(service: Server, tmp_path: Path) -> None:
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    code, output, errors = run("--host", service.url, "--output", str(tmp_path), *QUICK, **proxy)
    assert code == 0, errors
    assert errors.startswith("Measures small, large: about 60 s, 90 s at most.")
    results = load_results(tmp_path)
    assert [(trial.phase, trial.load.architecture) for trial in results.trials if not trial.replaced] == [
        (phase, name)
        for phase in ("saturation", "curve")
        for name in dict.fromkeys(trial.load.architecture for trial in results.trials if trial.phase == phase)
    ]
    assert results.alone == {}
    assert output.startswith("In a closed loop of 16 users")


def test_both_architectures_of_a_block_meet_the_same_arrivals(service: Server, tmp_path: Path) -> None:
    run("--host", service.url, "--output", str(tmp_path), *QUICK)
    curve = [trial.load for trial in load_results(tmp_path).trials if trial.phase == "curve"]
    assert {load.architecture for load in curve} == {"small", "large"}
    assert len({(load.seed, load.rate, load.seconds) for load in curve}) == 1


def test_a_service_that_only_lies_ends_the_study(service: Server, tmp_path: Path) -> None:
    with pretend(Liar, service.url) as liar:
        code, output, _ = run("--host", liar.url, "--output", str(tmp_path), *QUICK)
    assert code == 1
    assert "wrong value" in output
    assert "must answer rightly" in (load_results(tmp_path).partial or "")
    assert outputs(tmp_path) == ALL_OUTPUTS


class Broken(Pretender):
    """Answers every prediction with status 500."""

    def predict(self) -> None:
        self.answer(500, b"{}")


def test_a_service_that_only_fails_ends_the_study(service: Server, tmp_path: Path) -> None:
    with pretend(Broken, service.url) as broken:
        code, output, _ = run("--host", broken.url, "--output", str(tmp_path), *QUICK)
    assert code == 1
    assert "status 500" in output


class SometimesWrong(Liar):
    """Answers truly, but for one request in ten."""

    asked = 0

    def predict(self) -> None:
        type(self).asked += 1
        if self.asked % 10:
            self.predict_truly()
        else:
            super().predict()


@pytest.mark.parametrize(("options", "expected"), [((), 0), (("--strict",), 1)])
def test_a_wrong_answer_now_and_then_makes_the_figures_invalid(
    service: Server, tmp_path: Path, options: tuple[str, ...], expected: int
) -> None:
    with pretend(SometimesWrong, service.url) as liar:
        code, output, errors = run(
            "--host", liar.url, "--output", str(tmp_path), "--architecture", "small", *QUICK, *options
        )
    assert code == expected, errors
    assert "INVALID" in output
    assert "wrong value" in output
    assert not load_results(tmp_path).valid


def test_a_service_that_dies_leaves_what_was_measured_until_then(store: Callable[[], Path], tmp_path: Path) -> None:
    folder = tmp_path / "results"
    with serve(store(), log=tmp_path / "serve.log", ARCHSCALE_WORKERS="1") as server:
        study = start("--host", server.url, "--output", str(folder), *QUICK)
        wait_for_a_trial(folder)
    with study:
        output, _ = study.communicate(timeout=LIMIT_SECONDS)
    assert study.returncode == 1
    results = load_results(folder)
    assert results.partial is not None
    assert results.trials[0].answered > 0
    assert "must answer" in " ".join(output.split())
    assert outputs(folder) == ALL_OUTPUTS


def test_ctrl_c_keeps_what_was_measured_and_stops_the_service(home: Path, tmp_path: Path) -> None:
    study = start("--output", str(tmp_path), *QUICK, BENTOML_HOME=str(home))
    wait_for_a_trial(tmp_path)
    study.send_signal(signal.SIGINT)
    with study:
        output, errors = study.communicate(timeout=ONE_TRIAL_SECONDS)
    assert study.returncode == 130
    assert "Traceback" not in errors
    assert load_results(tmp_path).partial == "stopped by Ctrl-C"
    assert "Ctrl-C" in output
    assert outputs(tmp_path) == ALL_OUTPUTS


SEARCH = """
import sys
from pathlib import Path
from loadtest.options import parse
from loadtest.study.phases import find_capacities, sweep_in_flight
from loadtest.study.study import open_study
options = parse(sys.argv[1:])
with open_study(options.settings, options.folder, lambda what: None) as study:
    study.measure(study.closed_load("large", 1, 1.0), "in flight", 1)
    find_capacities(study)
"""


def test_an_slo_that_nothing_meets_has_no_capacity(service: Server, tmp_path: Path) -> None:
    asked = ("--host", service.url, "--architecture", "large", "--rows", "1000", "--blocks", "1", "--seconds", "1")
    ended = subprocess.run(
        [sys.executable, "-c", SEARCH, *asked, "--slo-p99-ms", "5", "--output", str(tmp_path)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert ended.returncode == 0, ended.stderr
    results: Results = load_results(tmp_path)
    (capacity,) = results.capacities
    assert capacity.outcome in {"none", "undecided"}  # undecided where the load generator was disturbed
    assert capacity.rate is None


WRONG_INPUT = {
    "no rows": (("--rows", "0"), "--rows must be a whole number of at least 1"),
    "an endless trial": (("--seconds", "inf"), "--seconds must be a number"),
    "an SLO of nothing": (("--slo-p99-ms", "0"), "--slo-p99-ms must be a number above 0"),
    "an unknown body": (("--body", "csv"), "--body"),
    "a folder below a file": (("--output", "README.md/results"), "--output must be a folder that can be written to"),
    "no URL": (("--host", "nowhere"), "the service must answer at nowhere"),
    "nobody there": (("--host", "http://127.0.0.1:9"), "Start it or correct --host"),
    "an unknown option": (("--fast",), "--help"),
    "no results": (("--compare", "README.md", "nowhere"), "results must be"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG_INPUT.values(), ids=WRONG_INPUT)
def test_wrong_input_is_refused_in_one_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    code, output, errors = run("--output", str(tmp_path), *arguments)
    assert (code, output) == (2, "")
    assert words in one_line(errors)


def test_results_of_another_version_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / RESULTS_FILE).write_text(json.dumps({"kind": "closed loop", "release": "x", "rounds": []}))
    code, _, errors = run("--compare", str(tmp_path), str(tmp_path))
    assert code == 2
    assert "results must be of this version (format 3)" in one_line(errors)


def test_an_architecture_that_is_not_served_is_refused(service: Server, tmp_path: Path) -> None:
    code, _, errors = run("--host", service.url, "--architecture", "huge", "--output", str(tmp_path))
    assert code == 2
    assert "Choose from: small, large." in one_line(errors)


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    code, _, errors = run("--output", str(tmp_path / "results"), *QUICK, BENTOML_HOME=str(tmp_path / "home"))
    assert code == 1
    assert "python -m training" in one_line(errors)
