"""Train one architecture in a fresh process, so that its seconds and its peak memory are its own."""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from service.contract.card import EpochTrace
from training.errors import TrainingError, first_line
from training.interrupts import interrupts_ignored
from training.jobs import Trial, TrialJob


def run_trial(job: TrialJob, *, on_epoch: Callable[[EpochTrace], None]) -> Trial:
    """Run ``job`` in a spawned process; ``on_epoch`` hears of each epoch. Raise TrainingError if the process fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with interrupts_ignored():
        process.start()
    theirs.close()
    try:
        ours.send(job)
        return _listen(ours, on_epoch=on_epoch)
    except (EOFError, ConnectionError) as error:
        process.join()
        raise TrainingError(
            f"training '{job.architecture.name}' must end with a network, however: its process ended with exit code "
            f"{process.exitcode}. Free memory and run again."
        ) from error
    finally:
        process.kill()
        process.join()
        ours.close()


def _listen(connection: Connection, *, on_epoch: Callable[[EpochTrace], None]) -> Trial:
    while True:
        message = connection.recv()
        if isinstance(message, Trial):
            return message
        if isinstance(message, TrainingError):
            raise message
        on_epoch(message)


def _work(connection: Connection) -> None:
    """Body of the fresh process: import, begin to measure, train, answer."""
    from training.learning import train  # imports torch, which is not this architecture's memory
    from training.memory import PeakMemory

    memory = PeakMemory()
    with suppress(BrokenPipeError):  # the parent is gone: nobody is left to tell
        try:
            connection.send(train(connection.recv(), memory=memory, on_epoch=connection.send))
        except (RuntimeError, MemoryError) as error:  # torch raises RuntimeError when memory is short
            connection.send(
                TrainingError(f"training must end with a network, however: {first_line(error)}. Train a smaller one.")
            )
        except TrainingError as error:
            connection.send(error)
