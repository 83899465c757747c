"""How far a run is: bars where standard error is a terminal, else some lines that do not flood a log."""

import subprocess
import sys

import pytest

from service.contract.card import EpochTrace
from tests.commands import ROOT
from training.console import show_training
from training.options import parse_options

EPOCHS = 500
OPENING = "Training small (2 layers of 50) for 500 epochs on measurements.csv, to predict 'failed'."


def show_quick_run() -> None:
    """As a run whose epochs take no time at all."""
    table = ("--data", "measurements.csv", "--target", "failed")
    options = parse_options([*table, "--architecture", "small=2x50", "--epochs", str(EPOCHS)])
    with show_training(options) as progress:
        progress.show_stage("training small")
        for epoch in range(1, EPOCHS + 1):
            entry = EpochTrace(epoch=epoch, train_loss=1.0, validation_loss=2 / epoch, observation="")
            progress.show_epoch(options.architectures[0], entry)


def test_a_log_gets_the_stages_and_the_last_epoch_of_a_quick_run(capsys: pytest.CaptureFixture[str]) -> None:
    show_quick_run()
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [OPENING, "training small ...", "small: epoch 500 of 500, loss 0.004"]
    assert not shown.err


def test_a_terminal_gets_bars(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    show_quick_run()
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [OPENING]
    assert "epoch 500 of 500, loss 0.004" in shown.err


SLOW = {"torch", "scipy", "sklearn", "onnx", "bentoml"}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("training.console", SLOW), ("training.options", SLOW | {"pyarrow.csv", "pyarrow.parquet"})],
)
def test_what_comes_first_waits_for_no_library_that_takes_its_time(module: str, unwanted: set[str]) -> None:
    check = f"import sys, {module}; print({unwanted} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
