"""Saving is all or nothing: whatever step fails or is killed, the store holds a whole release or none to be seen."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.commands import ROOT
from tests.conftest import train
from tests.failing_store import FAILED, UNTOUCHED

PARTS = ("evaluation", "large", "preprocessing", "small")
OPERATIONS_AT_LEAST = 40
"""Fewer would mean that the sabotage does not reach the save."""


def sabotage(home: Path, how: str) -> list[Any]:
    """Return what ``tests.failing_store`` reports: the undisturbed first save, then one save for each operation."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.failing_store", how],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(reports) > OPERATIONS_AT_LEAST
    return reports


def is_whole(report: Any) -> bool:
    """Whether every part of the served release is listed."""
    return all(f"archscale-{part}:{report['served']}" in report["listed"] for part in PARTS)


def test_each_file_operation_may_fail_and_the_store_is_as_it_was(tmp_path: Path) -> None:
    for before, after in pairwise(sabotage(tmp_path, "raise")):
        assert is_whole(after)
        if after["status"] == FAILED:
            assert after["digest"] == before["digest"]
        else:  # a failure that harms nothing, such as that to make a folder which is there: the release is saved
            assert after["status"] in (0, UNTOUCHED)
            assert after["served"] == f"b{after['number']:03}"
    assert not list((tmp_path / "tmp").iterdir())


def test_a_kill_at_any_operation_leaves_a_whole_release_or_none_to_be_seen(tmp_path: Path) -> None:
    for before, after in pairwise(sabotage(tmp_path, "kill")):
        assert after["status"] in (-signal.SIGKILL, UNTOUCHED)
        assert is_whole(after)
        assert after["served"] in (before["served"], f"b{after['number']:03}")


def test_an_unwritable_store_is_said_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    ended = train(tmp_path)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "model store" in ended.stderr
