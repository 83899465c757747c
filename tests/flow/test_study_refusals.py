"""What ``python -m loadtest`` is asked that can't be done: one line before anything is measured."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest import __main__ as command
from loadtest.record.results_file import RESULTS_FILE
from loadtest.target.server import Server
from tests.commands import ROOT
from tests.flow.studying import QUICK, run

Refuse = Callable[..., str]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Call the command in this process, for its start takes the longest; return the one line that it must say."""
    monkeypatch.chdir(ROOT)

    def refuse(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["python -m loadtest", *arguments])
        assert command.main() == command.INPUT_WRONG
        output, errors = capsys.readouterr()
        assert output == ""
        return only_line(errors)

    return refuse


def only_line(errors: str) -> str:
    (line,) = errors.strip().splitlines()
    return line


WRONG_INPUT = {
    "no rows": (("--rows", "0"), "--rows must be a whole number of at least 1"),
    "an endless trial": (("--seconds", "inf"), "--seconds must be a number"),
    "an SLO of nothing": (("--slo-p99-ms", "0"), "--slo-p99-ms must be a number of at least 5"),
    "an unknown body": (("--body", "csv"), "--body"),
    "a folder below a file": (("--output", "README.md/results"), "--output must be a folder that can be written to"),
    "no URL": (("--host", "nowhere"), "the service must answer at nowhere"),
    "nobody there": (("--host", "http://127.0.0.1:9"), "Start it or correct --host"),
    "an unknown option": (("--fast",), "--help"),
    "no results": (("--compare", "README.md", "nowhere"), "results must be"),
}


@pytest.mark.parametrize(("arguments", "words"), WRONG_INPUT.values(), ids=WRONG_INPUT)
def test_wrong_input_is_refused_in_one_line(
    arguments: tuple[str, ...], words: str, refuse: Refuse, tmp_path: Path
) -> None:
    assert words in refuse("--output", str(tmp_path), *arguments)


def test_results_of_another_version_are_named_as_such(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / RESULTS_FILE).write_text(json.dumps({"kind": "closed loop", "release": "x", "rounds": []}))
    assert "results must be of this version (format 3)" in refuse("--compare", str(tmp_path), str(tmp_path))


def test_an_architecture_that_is_not_served_is_refused(service: Server, refuse: Refuse, tmp_path: Path) -> None:
    asked = ("--host", service.url, "--architecture", "huge", "--output", str(tmp_path))
    assert "Choose from: small, large." in refuse(*asked)


def test_wrong_input_ends_the_command_with_exit_code_2(tmp_path: Path) -> None:
    code, output, errors = run("--output", str(tmp_path), "--rows", "0")
    assert (code, output) == (2, "")
    assert "--rows must be a whole number" in only_line(errors)


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    code, _, errors = run("--output", str(tmp_path / "results"), *QUICK, BENTOML_HOME=str(tmp_path / "home"))
    assert code == 1
    assert "python -m training" in only_line(errors)
