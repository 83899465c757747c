"""Give a graph a million batches of random sizes: its memory must not grow. Run: python -m tests.bench.batch_sizes.

ONNX Runtime keeps a plan of its memory for each shape that it has seen; turn batching makes shapes of all sizes. The
newest release of the user's store is taken. Exit code 1: the memory grew.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from loadtest.target.server import models_folder
from service.contract.card import ModelCard
from service.contract.files import CARD_FILE, NETWORK_FILE, PIPELINE_FILE, entry_name
from service.contract.names import PREPROCESSING
from service.models.inference import LoadedGraph
from tests.bench.bars import Bar, at_most, show_bars

MOST_TOGETHER, MOST_ROWS = 64, 4096
"""Rows that a turn runs together, and that a body may hold: of the latter one in a hundred batches."""
SETTLED = 20
"""Memory is compared with that after one batch in so many."""
MOST_GROWTH = 1.03
ARCHITECTURE = "small"


def watch(graph: LoadedGraph, rows: NDArray[np.float32] | NDArray[np.float64], batches: int) -> tuple[float, float]:
    """Run so many batches; return memory at the end, as a share of that after the first of them, and microseconds each.

    rows: (MOST_ROWS, columns) of the graph's dtype.
    """
    chance = np.random.default_rng(0)
    first = 0
    start = time.perf_counter()
    for place in range(batches):
        many = place % 100 == 0
        graph.run(rows[: chance.integers(1, (MOST_ROWS if many else MOST_TOGETHER) + 1)])
        if place == batches // SETTLED:
            first = psutil.Process().memory_info().rss
    return psutil.Process().memory_info().rss / first, (time.perf_counter() - start) / batches * 1e6


def main() -> None:
    """Try the network, and the graph that takes raw rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=1_000_000, help="for each graph")
    options = parser.parse_args()
    store = models_folder()
    release = (store / entry_name(PREPROCESSING) / "latest").read_text().strip()
    folder = store / entry_name(ARCHITECTURE) / release
    card = ModelCard.model_validate_json((folder / CARD_FILE).read_text())
    chance = np.random.default_rng(1)
    bars: list[Bar] = []
    for name, columns, dtype in (
        (NETWORK_FILE, len(card.feature_names), np.float32),
        (PIPELINE_FILE, len(card.raw_features), np.float64),
    ):
        graph = LoadedGraph(folder / name, width=len(card.feature_names), threads=1)
        rows: Any = chance.random((MOST_ROWS, columns)).astype(dtype)
        growth, microseconds = watch(graph, rows, options.batches)
        bars.append(
            at_most(f"{name}: memory, of that before ({microseconds:.0f} us a batch)", MOST_GROWTH, growth, ".3f")
        )
    sys.exit(
        show_bars(
            f"{options.batches:,} batches of 1 to {MOST_TOGETHER} rows, one in 100 of up to {MOST_ROWS:,}", bars, []
        )
    )


if __name__ == "__main__":
    main()
