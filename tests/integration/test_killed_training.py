"""A training that is killed and goes on from its checkpoint ends with the weights, bit for bit, of one that is not."""

import json
import subprocess
import sys
from collections import defaultdict
from typing import Any

import pytest

from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

Trainings = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    """What ``tests.killed_training`` reports, by how they were killed."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.killed_training", str(tmp_path_factory.mktemp("killed"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = defaultdict(list)
    for line in ended.stdout.splitlines():
        training = json.loads(line)
        found[training["how"]].append(training)
    return found


@pytest.mark.parametrize(("how", "kills"), [("operation", 24), ("moments", 20)])
def test_killed_at_any_moment_and_gone_on_with_the_weights_end_the_same(
    trainings: Trainings, how: str, kills: int
) -> None:
    (undisturbed,) = trainings["undisturbed"]
    assert sum(training["kills"] for training in trainings[how]) >= kills
    assert {training["digest"] for training in trainings[how]} == {undisturbed["digest"]}


def test_a_full_disk_ends_the_training_with_one_line_and_leaves_the_checkpoint_before(trainings: Trainings) -> None:
    (failed,), (gone_on_with,) = trainings["failed"], trainings["full"]
    assert "a checkpoint must be written, however: " in failed["error"]
    assert "then go on with --resume" in failed["error"]
    assert "\n" not in failed["error"]
    assert gone_on_with["digest"] == trainings["undisturbed"][0]["digest"]
