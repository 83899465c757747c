"""Run trials beside each other through joblib: by processes of this machine, or on an existing cluster of Dask."""

import _thread
import logging
import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool

from training.cost.seconds import count_allowed_processors
from training.errors import TrainingError, UserError, first_line
from training.process import end_with
from training.sweep.options import SweepOptions
from training.sweep.trial.start import PointFailure, WorkerFacts, describe_worker, run_trial

if TYPE_CHECKING:
    from distributed import Client

Key = TypeVar("Key")
Trial = tuple[Key, bytes | PointFailure]
"""What a trial is for, and its pickled ``PointJob``, or why there is none."""
Ended = tuple[Key, bytes]
"""What a trial was for, and its pickled answer."""
PENDING = "n_jobs + 1"
"""Trials handed out at once: one waits, so that no worker does. More would be bound to workers too early."""
CONNECT_SECONDS = 5.0
WORKERLESS_SECONDS = 20.0
"""A cluster without a worker for so long has lost them; one that restarts its workers takes less."""
LOOK_SECONDS = 0.5


def run_trials(trials: Iterable[Trial[Key]], options: SweepOptions) -> Generator[Ended[Key], None, None]:
    """Run all trials; yield each as it ends. Raise UserError for a cluster of no use, TrainingError if it dies."""
    run = _on_cluster if options.backend == "dask" else _on_this_machine
    return run(trials, options)


def _on_this_machine(trials: Iterable[Trial[Key]], options: SweepOptions) -> Generator[Ended[Key], None, None]:
    jobs = options.jobs or count_allowed_processors()
    of_loky = {"initializer": _begin_worker, "initargs": (os.getpid(),)} if jobs > 1 else {}
    try:
        with joblib.parallel_config(backend="loky" if jobs > 1 else "sequential", **of_loky):
            yield from _collect(trials, jobs=jobs)
    except BrokenProcessPool:
        raise TrainingError(
            "the processes that run the trials must live, however: one was killed. Free memory and run the same "
            "command again: what is finished is kept."
        ) from None


def _collect(trials: Iterable[Trial[Key]], *, jobs: int) -> Generator[Ended[Key], None, None]:
    warnings.filterwarnings("ignore", ".* tasks which .* have been cancelled")  # whoever stopped them knows
    # On a cluster the rows go with each trial: a worker need not share a disk.
    warnings.filterwarnings("ignore", "Sending large graph")
    calls = (joblib.delayed(_run_named)(key, job) for key, job in trials)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=PENDING)
    ended: Iterator[Ended[Key]] = parallel(calls)
    yield from ended


def _run_named(key: Key, job: bytes | PointFailure) -> Ended[Key]:
    return key, pickle.dumps(job) if isinstance(job, PointFailure) else run_trial(job)


def _begin_worker(sweep: int) -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the sweep; end with it, whatever ends it.

    Of itself a worker of loky (joblib 1.6) whose sweep was killed would wait for ever to hand over its result.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(sweep)


def _on_cluster(trials: Iterable[Trial[Key]], options: SweepOptions) -> Generator[Ended[Key], None, None]:
    with _connect(options) as client:
        _check_packages(client, address=options.address)
        with _watch(client, address=options.address), joblib.parallel_config(backend="dask", client=client):
            yield from _collect(trials, jobs=-1)


@contextmanager
def _connect(options: SweepOptions) -> Iterator["Client"]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "--backend dask must find the package distributed, however: it is not installed. Install it, or leave "
            "--backend out."
        ) from None
    logging.disable(logging.ERROR)  # what goes wrong is said here, in one line; Dask gives each logger its own handler
    try:
        client = Client(options.address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"--address must be that of a scheduler of Dask, however: {options.address} does not answer as one "
            f"({first_line(error)[:120]}). Start one with: dask scheduler"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):  # the cluster may be gone
            client.close(timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]


def _check_packages(client: "Client", *, address: str | None) -> None:
    """Raise UserError unless there are workers, and all that take part have this version."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        raise UserError(
            f"a cluster must have workers, however: that of {address} has none. Start some with: dask worker {address}"
        ) from None
    # The scheduler reads what it hands out (distributed 2026.8), so that it needs the packages too.
    answers = {"the scheduler": _ask_scheduler(client), **client.run(describe_worker, on_error="return")}
    for name, found in answers.items():
        if found != describe_worker():
            raise UserError(
                "the scheduler and every worker must run this version of archscale, however: "
                f"{name} {_what_it_runs(found)}. Start it in an environment with the same packages, with this folder "
                "in PYTHONPATH."
            )


def _ask_scheduler(client: "Client") -> object:
    try:
        return client.run_on_scheduler(describe_worker)  # type: ignore[no-untyped-call]
    except Exception as error:  # of whatever class it was there
        return error


def _what_it_runs(found: object) -> str:
    if isinstance(found, WorkerFacts):
        return f"has version {found.version} on Python {'.'.join(map(str, found.python))}"
    return f"lacks it ({first_line(found)})" if isinstance(found, Exception) else f"answers {found!r:.60}"


@contextmanager
def _watch(client: "Client", *, address: str | None) -> Iterator[None]:
    """Raise TrainingError as soon as the cluster can't go on: joblib 1.6 would wait for its answers for ever."""
    stop, reasons = threading.Event(), list[str]()
    watcher = threading.Thread(target=_look_on, args=(client, stop, reasons), daemon=True)
    watcher.start()
    try:
        yield
    except KeyboardInterrupt:
        if not reasons:
            raise
        raise _lost(address, reasons[0]) from None
    except Exception as error:
        if isinstance(error, TrainingError):
            raise
        raise _lost(address, _find_fault(client) or f"{type(error).__name__}: {first_line(error)[:120]}") from None
    finally:
        stop.set()
        watcher.join()


def _lost(address: str | None, reason: str) -> TrainingError:
    return TrainingError(
        f"the cluster of {address} must last until the sweep ends, however: {reason}. Look at its logs and run the "
        "same command again: what is finished is kept."
    )


def _look_on(client: "Client", stop: threading.Event, reasons: list[str]) -> None:
    """Body of the thread that watches: on a fault, name it and interrupt the main thread, as Ctrl-C would."""
    seen = time.monotonic()
    while not stop.wait(LOOK_SECONDS):
        reason = _find_fault(client)
        if reason is None:
            seen = time.monotonic()
        elif reason is not NO_WORKER or time.monotonic() - seen > WORKERLESS_SECONDS:
            reasons.append(reason)
            _thread.interrupt_main()
            return


NO_WORKER = "all its workers are gone"


def _find_fault(client: "Client") -> str | None:
    if client.status != "running":
        return "its scheduler is gone"
    states: list[Any] = list(client.futures.values())
    if any(state.status == "error" for state in states):
        return "its workers die of a trial"
    try:
        return None if client.ncores() else NO_WORKER  # type: ignore[no-untyped-call]
    except Exception:  # in between two states: the next look tells
        return NO_WORKER
