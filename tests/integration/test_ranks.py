"""Several ranks make the steps of one process, and one that fails ends them all."""

import json
import subprocess
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS
from training.errors import UserError
from training.ranks.group import RankGroup
from training.ranks.place import RankPlace, find_place

TOLERANCE = 1e-4
"""Sums over the parts of a batch round differently in the last of seven digits; 30 steps of AdamW make more of that."""


Ranks = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Ranks:
    """What ``tests.ranked_training`` reports: scenario -> of each rank."""
    folder = tmp_path_factory.mktemp("ranks")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.ranked_training", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = defaultdict(list)
    for rank in (json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))):
        found[rank["scenario"]].append(rank)
    return found


def assert_same(found: dict[str, Any], expected: dict[str, Any], *, tolerance: float) -> None:
    for name, weights in expected["weights"].items():
        np.testing.assert_allclose(found["weights"][name], weights, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("one", "several", "size"),
    [("alone", "two", 2), ("alone with one row left", "three with one row left", 3)],
)
def test_ranks_agree_with_one_process_whatever_is_left_for_the_last_batch(
    ranks: Ranks, one: str, several: str, size: int
) -> None:
    (alone,) = ranks[one]
    first, *others = ranks[several]
    assert len(others) == size - 1
    assert_same(first, alone, tolerance=TOLERANCE)
    for other in others:
        assert_same(other, first, tolerance=0)


def test_a_killed_rank_ends_the_other_with_one_line_and_another_number_of_ranks_goes_on(ranks: Ranks) -> None:
    (survivor,) = ranks["killed"]
    assert "all 2 ranks must live until the end, however: rank 0 lost another" in survivor["error"]
    assert "\n" not in survivor["error"]
    assert len(ranks["gone on with"]) == 3
    for found in ranks["gone on with"]:
        assert_same(found, ranks["alone"][0], tolerance=TOLERANCE)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("absent", "all 2 ranks must meet within 4 s, however: rank 0 waited in vain"),
        ("stopped", "rank 0 lost another"),
    ],
)
def test_a_rank_that_does_not_come_or_hangs_is_waited_for_some_seconds(ranks: Ranks, scenario: str, words: str) -> None:
    (waited,) = ranks[scenario]
    assert words in waited["error"]
    assert "\n" not in waited["error"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_parts_of_a_batch_are_all_of_it_and_differ_by_one_at_most(size: int) -> None:
    for rows in range(20):
        parts = [RankGroup(RankPlace(rank=rank, size=size)).part(rows) for rank in range(size)]
        assert [row for part in parts for row in range(rows)[part]] == list(range(rows))
        lengths = [part.stop - part.start for part in parts]
        assert max(lengths) - min(lengths) <= 1


def test_the_place_is_what_torchrun_sets() -> None:
    assert find_place({}) == RankPlace()
    address = {"MASTER_ADDR": "host", "MASTER_PORT": "1"}
    given = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", **address}
    assert find_place(given) == RankPlace(rank=3, size=4, local_rank=1, local_size=2, launched=True)
    for name, value in (("RANK", "4"), ("RANK", "x"), ("LOCAL_WORLD_SIZE", ""), ("MASTER_ADDR", "")):
        with pytest.raises(UserError, match="ranks must be started by torchrun"):
            find_place({**given, name: value})
