"""Processors of the service and of the load generator: apart where there are enough."""

import os

import pytest

from loadtest.study.machine import available, on, share

AFFINITY = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")


@AFFINITY
@pytest.mark.parametrize(
    ("processors", "generators", "apart"),
    [
        ([0, 1], 1, ([0], [1])),
        ([2, 3, 5, 7], 2, ([2, 3], [5, 7])),
        ([0, 1], 2, ([0, 1], [0, 1])),
        ([4], 1, ([4], [4])),
        ([0, 1], 5, ([0, 1], [0, 1])),
    ],
)
def test_the_generator_has_the_last_ones_and_the_service_the_rest(
    processors: list[int], generators: int, apart: tuple[list[int], list[int]]
) -> None:
    assert share(processors, generators) == apart


def test_without_affinity_all_share_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    processors = available()
    assert processors
    assert share(processors, 1) == (processors, processors)
    with on(processors):
        pass


@AFFINITY
def test_what_is_started_meanwhile_is_bound_and_the_rest_is_not() -> None:
    before = available()
    with on(before[-1:]):
        assert available() == before[-1:]
    assert available() == before
