"""What a study that ended before its end did not come to."""

from collections.abc import Iterator

from loadtest.record.results import SWEEP_BLOCKS, Phase, Results

WHOLE: tuple[Phase, ...] = ("in flight", "search", "curve", "rows")
QUICK: tuple[Phase, ...] = ("saturation", "curve")
SWEEPS: tuple[Phase, ...] = ("in flight", "rows")
"""Phases whose blocks are fewer than those that the settings name."""
NAMES: dict[Phase, str] = {
    "saturation": "saturation",
    "search": "the search for the capacity",
    "curve": "latency against rate",
    "rows": "rows in each request",
    "in flight": "requests in flight",
}


def find_missing(results: Results) -> tuple[str, ...]:
    """Name the phases that are not whole, and how many blocks of them were run for every architecture."""
    return tuple(_missing(results))


def _missing(results: Results) -> Iterator[str]:
    for phase in QUICK if results.settings.quick else WHOLE:
        asked = min(results.settings.blocks, SWEEP_BLOCKS) if phase in SWEEPS else results.settings.blocks
        done = min((_count_blocks(results, phase, name) for name in results.settings.architectures), default=0)
        if done == 0:
            yield NAMES[phase]
        elif done < asked:
            yield f"{NAMES[phase]} in {asked - done} of {asked} blocks"
    if results.settings.host is None and set(results.alone) != set(results.settings.architectures):
        yield "each architecture alone"


def _count_blocks(results: Results, phase: Phase, architecture: str) -> int:
    if phase == "search":
        return sum(one.architecture == architecture for one in results.capacities)
    return len({one.block for one in results.trials if one.phase == phase and one.load.architecture == architecture})
