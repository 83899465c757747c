"""Train and measure one point, in a process of its own: python -m training.sweep.trial.point, which ``start`` runs.

Its input is a length and a pickled ``PointJob``, its output a pickled ``PointResult`` or ``PointFailure``. It takes no
scikit-learn: of the second and a half that starting takes, that would be another one.
"""

import os
import pickle
import signal
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from platform import processor, python_version
from statistics import median
from typing import BinaryIO

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from service.contract.curve import LATENCY_ROWS, Machine
from service.contract.names import FEATURES, PREDICTION
from training.cost.memory import FINE_BYTES, PeakMemory
from training.cost.seconds import Seconds, count_allowed_processors
from training.errors import TrainingError, first_line
from training.fitting import train
from training.graph.layers import fold, network_graph
from training.network import Products
from training.sweep.trial.message import PointJob, PointResult
from training.sweep.trial.start import LENGTH_BYTES, PointFailure

ANSWERED_ROWS = 4096
"""Held-out rows answered at once: bounds the memory of their products."""
LATENCY_SECONDS = 0.15
LATENCY_REPEATS = 300
FEWEST_REPEATS = 15
"""Of each number of rows: as many as go into the seconds, between these two."""
LIBRARIES = ("torch", "onnxruntime", "numpy")
CPUINFO = Path("/proc/cpuinfo")


def main() -> None:
    """Read the job, answer it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this answers for both
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no part of the answer
    torch.set_num_threads(1)
    memory = PeakMemory(returned_bytes=FINE_BYTES)
    try:
        job = _receive(sys.stdin.buffer)
        _end_with_the_parent()
        answer: PointResult | PointFailure = measure_point(job, memory=memory)
    except TrainingError as error:
        answer = PointFailure(str(error))
    except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory is short
        answer = PointFailure(f"training must end with a network, however: {first_line(error)}. Train a smaller one.")
    with answers:
        pickle.dump(answer, answers)


def _receive(source: BinaryIO) -> PointJob:
    job: PointJob = pickle.loads(source.read(int.from_bytes(source.read(LENGTH_BYTES), "big")))
    return job


def _end_with_the_parent() -> None:
    """Nobody waits for the answer any more once the other end of the input is closed."""

    def wait() -> None:
        os.read(0, 1)  # sys.stdin is locked while it is read, and the end of the interpreter wants that lock
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def measure_point(job: PointJob, *, memory: PeakMemory) -> PointResult:
    """Train, export and ask the graph. Raise TrainingError where the loss does not stay finite."""
    training = job.training
    result = train(training, memory=memory, on_epoch=lambda entry: None)
    graph = network_graph(fold(result.state, target=training.target_scale), task=training.task)
    session = _open(graph)
    products = Products(job.test.shape[1])
    return PointResult(
        predictions=_predict(session, job.test, products=products),
        graph_bytes=len(graph),
        epochs=[Seconds(entry.wall_seconds or 0.0, entry.processor_seconds or 0.0) for entry in result.trace],
        threads=training.threads,
        memory=result.memory,
        latency={rows: _latency(session, job.test, products=products, rows=rows) for rows in LATENCY_ROWS},
        machine=describe_machine(),
    )


def _open(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _features(columns: NDArray[np.float32], *, products: Products) -> NDArray[np.float32]:
    """Return scaled columns with their products, (n, features), each row in one piece as a request brings it."""
    return products(torch.from_numpy(columns)).contiguous().numpy()


def _predict(
    session: onnxruntime.InferenceSession, test: NDArray[np.float32], *, products: Products
) -> NDArray[np.float32]:
    parts = [
        session.run([PREDICTION], {FEATURES: _features(test[at : at + ANSWERED_ROWS], products=products)})[0]
        for at in range(0, len(test), ANSWERED_ROWS)
    ]
    return np.concatenate(parts)


def _latency(
    session: onnxruntime.InferenceSession, test: NDArray[np.float32], *, products: Products, rows: int
) -> float:
    """Median seconds of a run on so many rows. The first run of a shape plans its memory and does not count."""
    features = _features(np.resize(test, (rows, test.shape[1])), products=products)
    session.run([PREDICTION], {FEATURES: features})
    taken: list[float] = []
    end = time.perf_counter() + LATENCY_SECONDS
    while len(taken) < FEWEST_REPEATS or (len(taken) < LATENCY_REPEATS and time.perf_counter() < end):
        started = time.perf_counter()
        session.run([PREDICTION], {FEATURES: features})
        taken.append(time.perf_counter() - started)
    return median(taken)


def describe_machine() -> Machine:
    """Say where this runs."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = {name: version(name) for name in LIBRARIES}
    return Machine(
        processors=count_allowed_processors(),
        model=models[0] if models else processor() or "unknown",
        versions={**versions, "python": python_version()},
    )


if __name__ == "__main__":
    main()
