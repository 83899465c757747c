"""What training takes: seconds that something disturbed, the ratio of two networks, memory by what it is for."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import ROOT
from training.cost.ratio import compare_epochs
from training.cost.seconds import THREADED_WEIGHTS, Seconds, choose_threads, count_allowed_processors

MEGABYTE = 2**20
MEASURES = """
import json, numpy as np
from training.cost.memory import PeakMemory
memory = PeakMemory()
data = np.ones(40 * 2**20, np.uint8)
preparing = np.ones(90 * 2**20, np.uint8)
del preparing
memory.begin_network()
network = np.ones(60 * 2**20, np.uint8)
copy = data.copy()
use = memory.use(copied=data.nbytes)
print(json.dumps([use.peak, use.data, use.network]))
"""
seconds = st.floats(1e-4, 1e4)


@given(wall=seconds, processor=seconds)
def test_who_got_all_the_seconds_on_the_wall_was_not_disturbed(wall: float, processor: float) -> None:
    assert not Seconds(wall=min(wall, processor), processor=max(wall, processor)).disturbed


@given(wall=st.floats(0.5, 1e4))
def test_who_lacks_a_tenth_of_them_was(wall: float) -> None:
    assert Seconds(wall=wall, processor=0.9 * wall).disturbed


def test_a_turn_of_the_scheduler_disturbs_nobody() -> None:
    assert not Seconds(wall=0.025, processor=0.010).disturbed


def test_small_networks_train_on_one_thread_and_large_ones_on_all_processors() -> None:
    assert choose_threads(THREADED_WEIGHTS - 1) == 1
    assert choose_threads(THREADED_WEIGHTS) == min(8, count_allowed_processors())


def test_the_ratio_of_epochs_has_an_interval_which_does_not_depend_on_the_unit() -> None:
    first, other = [1.0, 1.1, 0.9, 1.0], [3.0, 3.3, 2.9, 3.1]
    ratio = compare_epochs(other, first)
    assert ratio is not None
    assert ratio.low < 3.0 < ratio.value < ratio.high
    again = compare_epochs([1000 * value for value in other], [1000 * value for value in first])
    assert again is not None
    assert (again.low, again.high) == pytest.approx((ratio.low, ratio.high))


def test_two_epochs_are_too_few_for_an_interval() -> None:
    assert compare_epochs([1.0, 1.0], [2.0, 2.0, 2.0]) is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak can't be reset")
def test_memory_of_the_network_is_told_apart_from_data_and_from_what_came_before() -> None:
    ended = subprocess.run([sys.executable, "-c", MEASURES], cwd=ROOT, capture_output=True, text=True, check=True)
    peak, data, network = (value / MEGABYTE for value in json.loads(ended.stdout))
    assert data == pytest.approx(80, abs=3)
    assert network == pytest.approx(60, abs=3)
    assert peak == pytest.approx(140, abs=3)
