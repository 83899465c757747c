"""Quick studies of services that run, and of some that fail: what is said and kept, and the exit code."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtest.record.results import Results
from loadtest.record.results_file import load_results
from loadtest.target.server import Server, serve
from tests.commands import ROOT
from tests.flow.loads import Liar, Pretender, pretend
from tests.flow.studying import ALL_OUTPUTS, QUICK, end, outputs, run, study, wait_for_a_trial
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def quick(service: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Results]:
    """A quick study of both architectures of a running service, past a proxy that is not there: words and results."""
    folder = tmp_path_factory.mktemp("quick")
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    code, output, errors = run("--host", service.url, "--output", str(folder), *QUICK, **proxy)
    assert code == 0, errors
    assert errors.startswith("Measures small, large: about 60 s, 90 s at most.")
    return output, load_results(folder)


def test_a_quick_study_measures_every_architecture_once_in_each_of_its_phases(quick: tuple[str, Results]) -> None:
    output, results = quick
    measured = [(trial.phase, trial.load.architecture) for trial in results.trials if not trial.replaced]
    assert [phase for phase, _ in measured] == ["saturation"] * 2 + ["curve"] * 2
    assert set(measured) == {(phase, name) for phase in ("saturation", "curve") for name in ("small", "large")}
    assert results.alone == {}
    assert output.startswith("In a closed loop of 16 users")


def test_both_architectures_of_a_block_meet_the_same_arrivals(quick: tuple[str, Results]) -> None:
    curve = [trial.load for trial in quick[1].trials if trial.phase == "curve"]
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


def test_a_wrong_answer_now_and_then_makes_the_figures_invalid(service: Server, tmp_path: Path) -> None:
    with pretend(SometimesWrong, service.url) as liar:
        asked = ("--host", liar.url, "--output", str(tmp_path), "--architecture", "small", *QUICK)
        code, output, errors = run(*asked)
    assert code == 0, errors
    assert "INVALID" in output
    assert "wrong value" in output
    assert not load_results(tmp_path).valid


def test_a_service_that_dies_leaves_what_was_measured_until_then(store: Callable[[], Path], tmp_path: Path) -> None:
    folder = tmp_path / "results"
    with ExitStack() as life:
        server = life.enter_context(serve(store(), log=tmp_path / "serve.log", ARCHSCALE_WORKERS="1"))
        with study("--host", server.url, "--output", str(folder), *QUICK) as process:
            wait_for_a_trial(folder)
            life.close()
            code, output, _ = end(process)
    assert code == 1
    results = load_results(folder)
    assert results.partial is not None
    assert results.trials[0].answered > 0
    assert "must answer" in " ".join(output.split())
    assert outputs(folder) == ALL_OUTPUTS


def test_ctrl_c_keeps_what_was_measured_and_stops_the_service(home: Path, tmp_path: Path) -> None:
    with study("--output", str(tmp_path), *QUICK, BENTOML_HOME=str(home)) as process:
        wait_for_a_trial(tmp_path)
        process.send_signal(signal.SIGINT)
        code, output, errors = end(process)
    assert code == 130, output + errors
    assert "Traceback" not in errors
    assert load_results(tmp_path).partial == "stopped by Ctrl-C"
    assert "Ctrl-C" in output
    assert outputs(tmp_path) == ALL_OUTPUTS


SEARCH = """
import sys
from loadtest.options import parse
from loadtest.study.phases import find_capacities
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
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode == 0, ended.stderr
    results: Results = load_results(tmp_path)
    (capacity,) = results.capacities
    assert capacity.outcome in {"none", "undecided"}  # undecided where the load generator was disturbed
    assert capacity.rate is None
