"""The training job as its users run it: what it saves, what it refuses, and what it leaves behind when it fails."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.commands import ROOT
from tests.conftest import QUICK, newest_release, train
from tests.flow.refusals import refuse
from tests.patience import PATIENCE_SECONDS

ENTRIES = {"archscale-small", "archscale-large", "archscale-evaluation", "archscale-preprocessing"}


def write_table(path: Path, *, rows: int, constant: bool = False) -> Path:
    """Two columns and a class that follows from them; and a third column that never changes."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "mass", "kind"] + ["site"] * constant)
        for i in range(rows):
            length, mass = 1 + i % 7, 10 + i % 5
            writer.writerow([length, mass, "long" if length > 4 else "short"] + [3.5] * constant)
    return path


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in ended.stderr
    (line,) = ended.stderr.strip().splitlines()
    return line


def is_empty(home: Path) -> bool:
    """Whether nothing is saved, and nothing lies about."""
    return not [path for path in home.rglob("*") if path.is_file()]


def test_a_release_holds_every_file_of_every_architecture(home: Path, release: str) -> None:
    models = home / "models"
    assert {path.name for path in models.iterdir()} == ENTRIES
    files = {name: {path.name for path in (models / name / release).iterdir()} - {"model.yaml"} for name in ENTRIES}
    assert files["archscale-preprocessing"] >= {"preprocessing.skops", "preprocessing.onnx"}
    assert files["archscale-evaluation"] == {"held_out.parquet", "summary.json"}
    for name in ("archscale-small", "archscale-large"):
        assert files[name] >= {"network.onnx", "pipeline.onnx", "weights.safetensors", "card.json"}


def test_the_summary_says_what_was_trained_and_how_good_it_is(regression_home: Path) -> None:
    summary = json.loads((regression_home / "summary.json").read_text())
    assert summary["release"] == newest_release(regression_home)
    wanted = {"rows": 442, "raw_features": 10, "features": 65, "task": "regression"}
    assert summary["data"].items() >= wanted.items()
    tiny = summary["architectures"]["tiny"]
    assert (tiny["depth"], tiny["width"], tiny["parameters"]) == (1, 8, 65 * 8 + 8 + 8 + 1)
    assert tiny["train_seconds"] > 0
    assert tiny["peak_memory_bytes"] > 0
    assert tiny["test"].keys() == {"loss", "r2", "rmse"}
    assert [entry["epoch"] for entry in tiny["trace"]] == [1, 2, 3]
    of_epochs = {"epoch", "train_loss", "validation_loss", "validation_r2", "observation"}
    assert tiny["trace"][0].keys() == of_epochs | {"wall_seconds", "processor_seconds"}
    assert tiny["processor_seconds"] > 0
    assert tiny["threads"] == 1
    assert 0 < tiny["network_memory_bytes"] <= tiny["peak_memory_bytes"]
    assert summary["baselines"].keys() == {"mean", "linear regression", "gradient boosting"}
    output = (regression_home / "output.txt").read_text()
    assert "tiny" in output
    assert "linear regression" in output


def test_the_same_seed_gives_the_same_weights(home: Path, cancer_csv: Path, tmp_path: Path) -> None:
    asked = ("--data", str(cancer_csv), "--target", "diagnosis", "--architecture", "large=5x200", *QUICK)
    ended = train(tmp_path, *asked)
    assert ended.returncode == 0, ended.stderr
    network, again = (
        (store / "models/archscale-large" / newest_release(store) / "network.onnx").read_bytes()
        for store in (home, tmp_path)
    )
    assert network == again


def test_a_column_that_never_changes_is_allowed(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", rows=120, constant=True)
    ended = train(tmp_path / "home", "--data", str(table), "--target", "kind", "--architecture", "small=2x50", *QUICK)
    assert ended.returncode == 0, ended.stderr


def test_a_batch_larger_than_the_training_rows_is_refused(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv", rows=120)
    ended = train(tmp_path / "home", "--data", str(table), "--target", "kind", "--batch-size", "500")
    assert ended.returncode == 2
    assert "--batch-size must be at most the number of training rows" in one_line(ended)
    assert is_empty(tmp_path / "home")


def test_a_missing_table_and_an_unknown_target_are_refused(cancer_csv: Path, tmp_path: Path) -> None:
    refused = (
        (("--data", "nowhere.csv", "--target", "y"), "nowhere.csv"),
        (("--data", str(cancer_csv), "--target", "diagnoses"), "diagnoses"),
        (("--data", str(cancer_csv), "--target", "diagnosis", "--minimum", "r2=0.5"), "--minimum"),
    )
    ended = refuse(tmp_path, [arguments for arguments, _ in refused])
    for refusal, (_, words) in zip(ended, refused, strict=True):
        assert refusal.code == 2
        (line,) = refusal.errors.strip().splitlines()
        assert words in line
    assert is_empty(tmp_path)


def test_below_the_gate_nothing_is_saved(cancer_csv: Path, tmp_path: Path) -> None:
    gate = ("--minimum", "accuracy=1.01", "--architecture", "tiny=1x8")
    ended = train(tmp_path, "--data", str(cancer_csv), "--target", "diagnosis", *gate, *QUICK)
    assert ended.returncode == 1
    assert "must reach a held-out accuracy of 1.01" in one_line(ended)
    assert is_empty(tmp_path)


@pytest.fixture
def long_run(tmp_path: Path) -> Iterator[psutil.Popen]:
    """A run whose first architecture is being trained, and will be for long."""
    run = psutil.Popen(
        [sys.executable, "-m", "training", "--architecture", "slow=5x400", "--epochs", "1000"],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_trial(run)
        yield run
    finally:
        if run.poll() is None:
            run.kill()
        run.communicate()


def wait_for_trial(run: psutil.Popen) -> psutil.Process:
    """Return the process that trains, once it has taken some seconds of processor time: it is past its imports."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for child in run.children():
            if "spawn_main" in " ".join(child.cmdline()) and child.cpu_times().user > 4:
                return child
        try:
            run.wait(0.1)
        except psutil.TimeoutExpired:
            continue
        break
    raise AssertionError(f"no architecture is trained: {run.stderr.read()}")


def test_a_killed_trial_ends_the_run_with_one_line(long_run: psutil.Popen, tmp_path: Path) -> None:
    wait_for_trial(long_run).kill()
    _, errors = long_run.communicate(timeout=PATIENCE_SECONDS)
    (line,) = errors.strip().splitlines()
    assert long_run.returncode == 1
    assert "training 'slow' must end with a network" in line
    assert is_empty(tmp_path)


def test_ctrl_c_ends_the_run_and_its_trial(long_run: psutil.Popen, tmp_path: Path) -> None:
    trial = wait_for_trial(long_run)
    long_run.send_signal(signal.SIGINT)
    _, errors = long_run.communicate(timeout=PATIENCE_SECONDS)
    assert (long_run.returncode, errors.strip()) == (130, "Stopped by Ctrl-C.")
    assert not trial.is_running()
    assert is_empty(tmp_path)
