"""A run with --checkpoint that is killed and gone on with: the release that it would have been, and no folder left."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.commands import ROOT
from tests.conftest import QUICK, newest_release, train
from tests.patience import PATIENCE_SECONDS


def kill_once_it_is_there(run: subprocess.Popen[bytes], path: Path) -> None:
    """Kill a run as soon as its first checkpoint is written."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        try:
            run.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        break
    run.kill()
    run.wait()


def test_a_killed_run_that_is_gone_on_with_saves_the_same_network(home: Path, cancer_csv: Path, tmp_path: Path) -> None:
    kept, store = tmp_path / "kept", tmp_path / "home"
    asked = ("--data", str(cancer_csv), "--target", "diagnosis", "--architecture", "large=5x200", *QUICK)
    often = ("--checkpoint-seconds", "1e-9")
    run = subprocess.Popen(
        [sys.executable, "-m", "training", *asked, *often, "--checkpoint", str(kept)],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(store)},
    )
    kill_once_it_is_there(run, kept / "large.safetensors")
    assert run.returncode < 0
    other = train(store, *asked, "--resume", str(kept), "--batch-size", "9")
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "--resume must go on with the run that was begun" in other.stderr

    ended = train(store, *asked, "--resume", str(kept))
    assert ended.returncode == 0, ended.stderr
    assert not kept.exists()
    network, undisturbed = (
        (folder / "models/archscale-large" / newest_release(folder) / "network.onnx").read_bytes()
        for folder in (store, home)
    )
    assert network == undisturbed
