"""The end of a study, and what is said while it runs: nothing that was measured is lost."""

import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from rich.console import Console
from rich.progress import Progress

from loadtest import __main__ as command
from loadtest.__main__ import LINE_SECONDS, Teller
from loadtest.record.errors import InputError, MeasurementError
from loadtest.record.results import Results
from loadtest.record.results_file import load_results
from loadtest.report.outputs import save_report
from loadtest.study.plan import Plan
from tests import studies

MEASURED = studies.quick_study()


@pytest.fixture
def study_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Run the command, with a study that has measured something when ``ends`` is called."""

    def make(ends: Callable[..., str | None], *options: str, measured: Results = MEASURED) -> int:
        def results(partial: str | None) -> Results:
            return studies.changed(measured, partial=partial)

        @contextmanager
        def open_study(*_: object, **__: object) -> Iterator[SimpleNamespace]:
            yield SimpleNamespace(settings=measured.settings, trials=measured.trials, results=results)

        monkeypatch.setattr(command, "open_study", open_study)
        monkeypatch.setattr(command, "expect_rates", lambda study: [100.0, 100.0])
        monkeypatch.setattr(command, "run", ends)
        monkeypatch.setattr("sys.argv", ["loadtest", "--quick", "--output", str(tmp_path), *options])
        return command.main()

    return make


FAILURES = [OSError(28, "No space left on device"), psutil.NoSuchProcess(77)]


@pytest.mark.parametrize("error", FAILURES, ids=["disk", "process"])
def test_a_full_disk_and_a_process_that_is_gone_keep_what_was_measured(
    error: Exception, study_with: Callable[..., int], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise error

    assert study_with(fail) == 1
    assert load_results(tmp_path).partial == (
        f"a study must be able to write its files and to see its service, however: {error}. "
        "Correct that, and measure again."
    )


@pytest.mark.parametrize("error", FAILURES, ids=["disk", "process"])
def test_before_the_first_trial_they_are_one_line(
    error: Exception, study_with: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    assert study_with(fail, measured=studies.changed(MEASURED, trials=[])) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("a study must be able to write its files and to see its service, however: ")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_samples_is_refused_before_the_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "samples").touch()
    monkeypatch.setattr("sys.argv", ["loadtest", "--quick", "--output", str(tmp_path), "--host", "http://127.0.0.1:9"])
    assert command.main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"--output must be a folder that can be written to, however: {tmp_path}/samples: File exists. Choose another."
    )


@pytest.mark.parametrize("error", [InputError, MeasurementError])
def test_an_error_after_the_first_trial_keeps_what_was_measured(
    error: type[Exception], study_with: Callable[..., int], tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise error("the service must answer, however: it has gone.")

    assert study_with(fail) == 1
    assert load_results(tmp_path).partial == "the service must answer, however: it has gone."
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_keeps_what_was_measured_as_ctrl_c_does(
    number: signal.Signals, study_with: Callable[..., int], tmp_path: Path
) -> None:
    before = signal.getsignal(number)

    def end(*_: object) -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # once more, while it ends

    assert study_with(end) == 128 + number
    assert load_results(tmp_path).partial == f"stopped by {number.name}"
    assert (tmp_path / "report.html").exists()
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_was_measured_is_written_whatever_signals_come_meanwhile(
    number: signal.Signals,
    study_with: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(number)

    def interrupted(*arguments: Any) -> list[Path]:
        signal.raise_signal(number)
        return save_report(*arguments)

    monkeypatch.setattr(command, "save_report", interrupted)
    assert study_with(lambda *_: None) == 0
    assert (tmp_path / "report.html").exists()
    assert "before anything was measured" not in capsys.readouterr().err
    assert signal.getsignal(number) == before


def test_nohup_holds(study_with: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert study_with(lambda *_: signal.raise_signal(signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_error_in_the_report_keeps_the_results(
    study_with: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no words")

    monkeypatch.setattr(command, "save_report", fail)
    with pytest.raises(ValueError, match="no words"):
        study_with(lambda *_: None)
    assert load_results(tmp_path).trials == MEASURED.trials


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_a_study_whose_time_is_over_is_partial_and_fails_only_strictly(
    options: tuple[str, ...], code: int, study_with: Callable[..., int], tmp_path: Path
) -> None:
    assert study_with(lambda *_: "its time was over", *options) == code
    assert load_results(tmp_path).partial == "its time was over"


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_a_study_whose_figures_are_invalid_fails_only_strictly(
    options: tuple[str, ...], code: int, study_with: Callable[..., int]
) -> None:
    assert study_with(lambda *_: None, *options, measured=studies.spoilt_study("curve")) == code


def test_a_study_says_first_what_it_does_and_for_how_long(
    study_with: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    plans: list[Plan] = []
    study_with(lambda study, plan: plans.append(plan))
    minutes = plans[0].seconds / 60
    said = f"Measures small, large: about {minutes:.1f} minutes, {1.5 * minutes:.1f} minutes at most."
    assert capsys.readouterr().err.splitlines()[0] == said


def test_without_a_terminal_a_line_comes_now_and_then() -> None:
    heard, now = io.StringIO(), [0.0]
    console = Console(file=heard)
    teller = Teller(console, Progress(console=console, disable=True), lambda: now[0])
    teller.announce(["small"], 70, 105)
    for second in range(int(2.5 * LINE_SECONDS)):
        now[0] = float(second)
        teller.tell(f"trial {second}")
    assert heard.getvalue().splitlines() == [
        "Measures small: about 70 s, 105 s at most.",
        f"{LINE_SECONDS:.0f} s of about 70 s: trial {LINE_SECONDS:.0f}",
        f"{2 * LINE_SECONDS:.0f} s of about 70 s: trial {2 * LINE_SECONDS:.0f}",
    ]
