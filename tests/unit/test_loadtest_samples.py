"""Samples of a load: recorded, written, read again, and joined where several processes made them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from loadtest.record.errors import InputError
from loadtest.record.results_file import check_file
from loadtest.record.samples import (
    COLUMNS,
    CUT_OFF,
    DROPPED,
    OTHERS,
    SampleRecorder,
    Samples,
    load_samples,
    merge,
    save_samples,
)


def record(*requests: tuple[float, str, str | None], share: float = 0.5) -> Samples:
    """Samples of requests that were done at an instant, of an architecture, and that failed for a reason or did not."""
    clock = iter((0.0, 1.0))
    cpu_clock = iter((0.0, share))
    recorder = SampleRecorder(lambda: next(cpu_clock), lambda: next(clock))
    for done, architecture, failure in requests:
        recorder.record(
            scheduled=done - 0.25,
            sent=done - 0.125,
            done=done,
            status=0 if failure in {DROPPED, CUT_OFF} else 200,
            failure=failure,
            rows=3,
            architecture=architecture,
            timing=(0.1, 0.2, 0.3),
        )
    return recorder.finish()


def assert_same(found: Samples, other: Samples) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name), err_msg=name)
        assert getattr(found, name).dtype == getattr(other, name).dtype, name
    assert [getattr(found, name) for name in OTHERS] == [getattr(other, name) for name in OTHERS]


SOME = ((1.0, "small", None), (2.0, "large", "wrong value"), (4.0, "small", CUT_OFF), (5.0, "small", "wrong value"))


@pytest.mark.parametrize("samples", [record(*SOME), record(), record(*SOME[:1])], ids=["some", "none", "one"])
def test_samples_come_back_from_their_file(samples: Samples, tmp_path: Path) -> None:
    save_samples(samples, tmp_path / "samples")
    assert_same(load_samples(tmp_path / "samples"), samples)


def test_latency_counts_from_the_scheduled_instant_and_lateness_until_it_was_taken_up() -> None:
    samples = record(*SOME)
    # Seconds since the epoch have a resolution of a quarter of a microsecond as float64.
    np.testing.assert_allclose(samples.latency_ms, 250, atol=1e-3)
    np.testing.assert_allclose(samples.lateness_ms, 125, atol=1e-3)


def test_failures_are_counted_by_their_reason() -> None:
    samples = record(*SOME)
    assert samples.count_failures() == {"wrong value": 2, CUT_OFF: 1}
    assert samples.failed_for("wrong value").tolist() == [False, True, False, True]
    assert not samples.failed_for("never seen").any()
    assert record().count_failures() == {}


def test_a_selection_keeps_its_order_and_counts_what_happened_in_it() -> None:
    samples = record(*SOME)
    large = samples.select(samples.architecture == samples.architectures.index("large"))
    assert (len(large), large.count_failures()) == (1, {"wrong value": 1})
    backwards = samples.select(np.array([3, 0]))
    np.testing.assert_array_equal(backwards.done, samples.done[[3, 0]])
    assert backwards.failures == samples.failures


def test_what_is_unknown_is_nan() -> None:
    recorder = SampleRecorder()
    recorder.record(scheduled=0, sent=0, done=1, status=200, failure=None, rows=1, architecture="small")
    samples = recorder.finish()
    assert np.isnan([samples.parse, samples.infer, samples.write]).all()


def by_name(samples: Samples) -> list[tuple[float, str, str]]:
    """Instant of the answer, architecture and failure of every request, as words."""
    failures = ("", *samples.failures)
    return [
        (float(done), samples.architectures[architecture], failures[failure])
        for done, architecture, failure in zip(samples.done, samples.architecture, samples.failure, strict=True)
    ]


def test_samples_of_several_processes_join_in_order_under_common_numbers() -> None:
    parts = [
        record((1.0, "small", None), (5.0, "large", "status 500"), share=0.2),
        record((2.0, "large", CUT_OFF), (4.0, "small", "status 500"), share=0.7),
        record(share=0.1),
    ]
    joined = merge(parts)
    assert by_name(joined) == sorted(each for part in parts for each in by_name(part))
    assert joined.architectures == ("small", "large")
    assert joined.failures == ("status 500", CUT_OFF)
    assert joined.generator_share == 0.7


def test_what_joins_nothing_is_nothing() -> None:
    assert len(merge([record(), record()])) == 0


def broken_files(whole: bytes, folder: Path) -> Iterator[bytes]:
    yield b""
    yield b"not samples"
    yield whole[: len(whole) // 2]
    np.savez(folder / "other.npz", other=np.zeros(3))
    yield (folder / "other.npz").read_bytes()


def test_a_file_that_is_not_whole_is_a_value_error(tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    save_samples(record(*SOME), file)
    for content in broken_files(file.read_bytes(), tmp_path):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="must hold all samples of a load"):
            load_samples(file)


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clocks() -> tuple[Clock, Clock]:
    return Clock(), Clock()


def test_the_generators_share_is_processor_time_by_time_from_clear_to_stop(clocks: tuple[Clock, Clock]) -> None:
    cpu, wall = clocks
    recorder = SampleRecorder(cpu, wall)
    cpu.now, wall.now = 8.0, 10.0
    recorder.clear()
    cpu.now, wall.now = 9.0, 14.0
    recorder.stop()
    cpu.now, wall.now = 19.0, 24.0
    assert recorder.finish().generator_share == pytest.approx(0.25)


def test_a_load_that_was_not_stopped_ends_when_it_is_asked_for(clocks: tuple[Clock, Clock]) -> None:
    cpu, wall = clocks
    recorder = SampleRecorder(cpu, wall)
    cpu.now, wall.now = 1.0, 2.0
    assert recorder.finish().generator_share == pytest.approx(0.5)


def test_a_cleared_recorder_has_forgotten_the_load_before() -> None:
    recorder = SampleRecorder()
    recorder.record(scheduled=0, sent=0, done=1, status=0, failure=DROPPED, rows=1, architecture="small")
    recorder.stop()
    recorder.clear()
    samples = recorder.finish()
    assert (len(samples), samples.architectures, samples.failures) == (0, (), ())


def test_a_file_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept")
    check_file(tmp_path / "old", "--results")
    check_file(tmp_path / "new", "--results")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old", "kept")]


@pytest.mark.parametrize(("place", "reason"), [("", "Is a directory"), ("nowhere/file", "No such file or directory")])
def test_a_file_that_can_not_be_written_is_refused_in_one_line(place: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_file(tmp_path / place, "--results")
    assert str(caught.value) == (
        f"--results must name a file that can be written, however: {tmp_path / place}: {reason}. "
        "Choose another, or make its folder."
    )
