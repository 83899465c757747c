"""What is made of a load's samples: quantiles, pairs of rounds, and the order in which architectures take turns."""

import math
from pathlib import Path

import numpy as np
import pytest

from loadtest.comparison import interleave
from loadtest.intervals import median, paired_ratio
from loadtest.results import Settings
from loadtest.samples import SampleRecorder, Samples, load_samples, save_samples
from loadtest.trial import summarise

SETTINGS = Settings(
    host=None,
    architectures=["small"],
    body="json",
    rows=2,
    users=1,
    seconds=10,
    rounds=3,
    warm_up_seconds=1,
    slo_p99_ms=50,
)


def record(latencies_ms: list[float], *, failures: tuple[int, ...] = ()) -> Samples:
    """One request every 100 ms, from second 1,000 on; those with an index in ``failures`` failed."""
    clock = iter((0.0, 2.5))
    recorder = SampleRecorder(lambda: next(clock))
    for index, latency in enumerate(latencies_ms):
        reason = "wrong value" if index in failures else None
        recorder.record(start=1000 + index / 10, latency_ms=latency, rows=2, architecture="small", failure=reason)
    return recorder.finish()


def test_a_ratio_and_its_inverse_say_the_same() -> None:
    above, below = [4.0, 9.0, 5.0, 7.0], [2.0, 3.0, 2.5, 2.0]
    there, back = paired_ratio(above, below), paired_ratio(below, above)
    assert there is not None and there.low is not None and there.high is not None  # noqa: PT018
    assert back is not None and back.low is not None  # noqa: PT018
    assert there.ratio * back.ratio == pytest.approx(1)
    assert there.high * back.low == pytest.approx(1)
    assert there.low < there.ratio < there.high


def test_the_interval_is_students_t_on_the_logarithms() -> None:
    spread = paired_ratio([math.e, math.e**2, math.e**3], [1, 1, 1])
    assert spread is not None and spread.low is not None  # noqa: PT018
    # t(0.975, 2) = 4.302653, standard error of 1, 2, 3 = 1 / sqrt(3)
    assert math.log(spread.low) == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)


def test_two_rounds_give_no_interval_and_a_zero_no_ratio() -> None:
    spread = paired_ratio([2, 8], [1, 1])
    assert spread is not None
    assert spread.ratio == pytest.approx(4)
    assert spread.low is spread.high is None
    assert str(spread) == "4.00"
    assert str(paired_ratio([2, 2, 2], [1, 1, 1])) == "2.00 [2.00, 2.00]"
    assert paired_ratio([2, 0, 1], [1, 1, 1]) is None


def test_one_disturbed_round_does_not_move_the_median() -> None:
    assert median([10.0, 900.0, 11.0]) == 11.0


def test_turns_alternate_in_direction() -> None:
    assert interleave(["a", "b"], 3) == [(1, "a"), (1, "b"), (2, "b"), (2, "a"), (3, "a"), (3, "b")]


def test_samples_come_back_from_their_file(tmp_path: Path) -> None:
    samples = record([3.25, 4.5, 700.125], failures=(1,))
    save_samples(samples, tmp_path / "samples.npz")
    loaded = load_samples(tmp_path / "samples.npz")
    np.testing.assert_array_equal(loaded.latency_ms, [3.25, 4.5, 700.125])
    assert loaded.count_failures() == samples.count_failures() == {"wrong value": 1}
    assert (loaded.architectures, loaded.generator_cpu_seconds) == (("small",), 2.5)


def test_the_warm_up_is_left_out_of_quantiles_but_not_of_failures() -> None:
    samples = record([500.0] * 10 + [float(latency) for latency in range(1, 101)], failures=(0,))
    summary = summarise(samples, SETTINGS, "small", 1, server_cpu_seconds=None)
    # The last of the slow ones end at 1.4 s: those that end after the warm-up of 1 s count.
    assert (summary.all_requests, summary.failures) == (110, {"wrong value": 1})
    assert summary.requests == 104
    assert summary.p50_ms == pytest.approx(np.quantile([500.0] * 4 + list(range(1, 101)), 0.5))
    assert summary.seconds == pytest.approx(1000 + 10.9 + 0.1 - 1001)


def test_a_round_without_answers_is_summarised_as_such() -> None:
    summary = summarise(record([]), SETTINGS, "small", 1, server_cpu_seconds=0.1)
    assert (summary.requests, summary.requests_per_second, summary.generator_share) == (0, 0, None)
