"""What the raw graph costs beside the network alone, in process. Run: python -m tests.bench.bench_graph.

``small``, one thread of ONNX Runtime, input and output bound, as the service runs one row. Interleaved rounds; the
processor time of each, so that what else runs on the machine counts little; the median of the rounds' ratios with
their quartiles. ``--tables`` measures tables with gaps and categories too, ``--columns 20,60`` other widths.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from service.contract.names import DEFAULT_ARCHITECTURES, PREDICTION
from tests.coded import CodedTable, category, number, numbers
from training.export import pipeline_graph
from training.graph.layers import fold, network_graph
from training.network import Network
from training.preprocessing import count_encoded, fit_preprocessing
from training.process import TargetScale

WIDTHS = (20, 60, 120, 190)
ROWS = (1, 64)
MOST = 1.6
"""Times the network: the bar."""
ROUNDS = 60
ROUND_SECONDS = 0.01


def mixed(columns: int) -> CodedTable:
    """So many encoded columns: a quarter numbers with gaps and their indicators, half of it levels of categories."""
    table = CodedTable()
    for place in range(columns // 4):
        table.add(number(f"x{place}"), gaps=0.1)
    left = columns - 2 * (columns // 4)
    for place in range(0, left, 5):
        levels = min(5, left - place)
        shares = (0.5, 0.3, 0.19, 0.006, 0.004) if levels == 5 else ()
        table.add(category(f"c{place}", levels), shares=shares)
    return table


KINDS: dict[str, Callable[[int], CodedTable]] = {"numbers": numbers, "gaps and categories": mixed}


@dataclass(frozen=True)
class Entry:
    """Medians in microseconds; ratio: lower quartile, median, upper quartile; bytes: of the raw graph."""

    table: str
    columns: int
    rows: int
    network_us: float
    raw_us: float
    ratio: tuple[float, float, float]
    bytes: int


def main() -> None:
    """Measure every width; print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", default=",".join(map(str, WIDTHS)))
    parser.add_argument("--tables", action="store_true")
    given = parser.parse_args()
    shown = Table(title=f"Raw graph / network, at most {MOST} wanted: median, quartiles", title_justify="left")
    for heading in ("table", "columns", "rows", "network, us", "raw graph, us", "ratio", "raw graph, MB"):
        shown.add_column(heading, justify="left" if heading == "table" else "right")
    found: list[Entry] = []
    for kind in KINDS if given.tables else ("numbers",):
        for width in map(int, given.columns.split(",")):
            for entry in measure(kind, KINDS[kind](width)):
                found.append(entry)
                low, ratio, high = entry.ratio
                cells = (
                    f"{entry.network_us:.1f}",
                    f"{entry.raw_us:.1f}",
                    f"{ratio:.2f} ({low:.2f} to {high:.2f})",
                )
                size = f"{entry.bytes / 1e6:.2f}"
                shown.add_row(kind, str(entry.columns), str(entry.rows), *cells, size)
    Console(highlight=False, width=120).print(shown)
    print(json.dumps([asdict(entry) for entry in found]))


def measure(kind: str, table: CodedTable) -> list[Entry]:
    """Time both graphs of one table for every number of rows."""
    pipeline = fit_preprocessing(table.training, table.columns)
    columns = count_encoded(pipeline)
    depth, width = DEFAULT_ARCHITECTURES["small"]
    torch.manual_seed(0)
    features = pipeline.transform(table.raw[: max(ROWS)]).astype(np.float32)
    network = Network(features=features.shape[1], depth=depth, width=width)
    layers = fold(network.arrays(), target=TargetScale())
    raw_graph = pipeline_graph(pipeline, layers, task="classification")
    sessions = open_session(network_graph(layers, task="classification")), open_session(raw_graph)
    entries = []
    for rows in ROWS:
        bound = [bind(session, part[:rows]) for session, part in zip(sessions, (features, table.raw), strict=True)]
        seconds = time_rounds(bound)
        low, ratio, high = np.quantile(seconds[:, 1] / seconds[:, 0], [0.25, 0.5, 0.75]).tolist()
        network_us, raw_us = (np.median(seconds, axis=0) * 1e6).tolist()
        entries.append(Entry(kind, columns, rows, network_us, raw_us, (low, ratio, high), len(raw_graph)))
    return entries


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """Open a graph as the service does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def bind(session: onnxruntime.InferenceSession, rows: NDArray[np.generic]) -> Callable[[], None]:
    """Return what runs the graph once on ``rows``."""
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, np.ascontiguousarray(rows))
    answer = np.zeros(len(rows), np.float32)
    binding.bind_output(PREDICTION, "cpu", 0, np.float32, answer.shape, answer.ctypes.data)

    def run() -> None:
        session.run_with_iobinding(binding)
        assert answer is not None  # keeps the bound memory alive

    return run


def time_rounds(runs: list[Callable[[], None]]) -> NDArray[np.float64]:
    """Return (rounds, runs) float64: processor seconds of one call."""
    calls = [max(1, round(ROUND_SECONDS / time_calls(run, 10))) for run in runs]
    rounds = [[time_calls(run, count) for run, count in zip(runs, calls, strict=True)] for _ in range(ROUNDS)]
    return np.array(rounds)


def time_calls(run: Callable[[], None], count: int) -> float:
    """Return the processor seconds of one of ``count`` calls."""
    started = time.process_time()
    for _ in range(count):
        run()
    return (time.process_time() - started) / count


if __name__ == "__main__":
    main()
