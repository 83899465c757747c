"""The short form of `make soak`: nothing is lost, nothing is wrong, nothing grows. And the judges of the long one."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.target.server import serve
from tests.bench.bars import show_bars
from tests.bench.soak import BAD_SHARE, Soaked, soak
from tests.bench.steady_load import Tally
from tests.bench.worker_samples import Growth, Sample, measure_growth

SECONDS = 8.0
CALM = Growth(memory=0.01, descriptors=0, threads=0, series=0)
GOOD = Soaked(Tally(sent=1000, right=1000), CALM, reached=100, offered=70, cores=0.7)


@pytest.mark.slow
def test_a_service_loses_nothing_and_does_not_grow(
    store: Callable[[], Path], home: Path, release: str, tmp_path: Path
) -> None:
    with serve(store(), log=tmp_path / "serve.log", ARCHSCALE_WORKERS="1") as server:
        found = asyncio.run(soak(server, home, release, seconds=SECONDS, share=0.7))
    tally = found.tally
    assert (tally.lost, tally.refused, tally.wrong) == (0, 0, 0), tally.remembered
    assert tally.right == tally.sent > 0
    bad = sum(count for kind, count in tally.kinds.items() if kind.startswith("bad"))
    assert 0 < bad < 3 * BAD_SHARE * tally.sent
    assert len(tally.kinds) > 15  # six good kinds, and thirteen bad ones
    # Seconds are too short to judge memory by.
    assert max(found.growth.descriptors, found.growth.threads, found.growth.series) <= 0


@pytest.mark.parametrize(
    "found",
    [
        replace(GOOD, tally=Tally(sent=1000, lost=1)),
        replace(GOOD, tally=Tally(sent=1000, refused=1)),
        replace(GOOD, tally=Tally(sent=1000, wrong=1)),
        replace(GOOD, growth=replace(CALM, memory=0.031)),
        replace(GOOD, growth=replace(CALM, descriptors=1)),
        replace(GOOD, growth=replace(CALM, threads=1)),
        replace(GOOD, growth=replace(CALM, series=1)),
    ],
    ids=["lost", "turned away", "wrong", "memory", "descriptors", "threads", "metrics"],
)
def test_a_soak_fails_by_each_of_its_bars(found: Soaked) -> None:
    assert show_bars("", GOOD.bars, []) == 0
    assert show_bars("", found.bars, []) == 1


def test_growth_is_seen_behind_what_is_filled_once() -> None:
    memory = [50, 90, 100, 100, 100, 101, 102, 103, 104, 105]
    samples = [Sample(bytes_, descriptors=20, threads=3, series=7, cpu_seconds=0) for bytes_ in memory]
    growth = measure_growth(samples)
    assert growth.memory == pytest.approx(0.045)
    assert (growth.descriptors, growth.threads, growth.series) == (0, 0, 0)


def test_growth_wants_samples() -> None:
    with pytest.raises(ValueError, match="five samples or more, however: 0"):
        measure_growth([])
