"""Files through a release: one after the other in this process, or several at a time, each in a process of its own.

The processes begin while this one imports what it needs itself. So this module imports nothing that the command's
options have not.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from training.errors import TrainingError, interrupts_ignored, quoted
from training.table.files import find_tables

if TYPE_CHECKING:  # imports ONNX Runtime
    from training.score.file import Event, FileTask, ScoreSettings


@contextmanager
def started_pool(data: Sequence[str], jobs: int) -> Iterator["ScorePool | None"]:
    """Start a process for each of ``jobs`` files at a time; None where one file at a time is answered.

    data: paths and patterns. What is wrong with them is said later, by ``plan_tasks``.
    """
    count = 0
    with suppress(TrainingError, OSError):
        count = len(list(islice((file for word in data for file in find_tables(word)), jobs)))
    if count < 2:
        yield None
        return
    pool = ScorePool()
    try:
        for _ in range(count):
            pool.start()
        yield pool
    finally:
        pool.end()


def score_files(
    tasks: Sequence["FileTask"], settings: "ScoreSettings", *, pool: "ScorePool | None"
) -> Iterator["Event"]:
    """Answer all files, by a pool where there is one, and yield what happens. Raise the first error."""
    if pool is not None:
        yield from pool.run(tasks, settings)
        return
    from training.score.file import FileScorer

    scorer = FileScorer(settings)
    for task in tasks:
        yield from scorer.score(task)


class ScorePool:
    """Processes, each of which is given the next file when it has answered one."""

    def __init__(self) -> None:
        self.processes: dict[Connection, BaseProcess] = {}
        self.waiting: list[FileTask] = []
        self.at_work: dict[Connection, FileTask] = {}

    def run(self, tasks: Sequence["FileTask"], settings: "ScoreSettings") -> Iterator["Event"]:
        """Answer all files, and end."""
        try:
            yield from self._run(tasks, settings)
        finally:
            self.end()

    def _run(self, tasks: Sequence["FileTask"], settings: "ScoreSettings") -> Iterator["Event"]:
        from training.score.file import Scored

        self.waiting = list(reversed(tasks))
        for connection in list(self.processes)[: len(tasks)]:
            with suppress(ConnectionError):  # it is dead, which the next look at it tells
                connection.send(settings)
            self._give(connection)
        while self.at_work:
            for ready in wait(list(self.at_work)):
                event = self._receive(ready)  # type: ignore[arg-type]
                yield event
                if isinstance(event, Scored):
                    self._give(ready)  # type: ignore[arg-type]

    def end(self) -> None:
        """End all processes, and what they had begun, while their folder is still locked."""
        from training.score.outputs import unfinished_path

        for process in self.processes.values():
            process.kill()
            process.join()
        for task in self.at_work.values():
            unfinished_path(task.output).unlink(missing_ok=True)
        self.processes.clear()
        self.at_work.clear()

    def start(self) -> None:
        """Start one more."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        with interrupts_ignored():
            process.start()
        theirs.close()
        self.processes[ours] = process

    def _give(self, connection: Connection) -> None:
        """Give a process its next file, where there is one."""
        self.at_work.pop(connection, None)
        if not self.waiting:
            return
        self.at_work[connection] = self.waiting.pop()
        with suppress(ConnectionError):  # it is dead, which the next look at it tells
            connection.send(self.at_work[connection])

    def _receive(self, connection: Connection) -> "Event":
        try:
            message = connection.recv()
        except (EOFError, ConnectionError):
            process, task = self.processes[connection], self.at_work[connection]
            process.join()
            raise TrainingError(
                f"each process must answer its files, however: that of {quoted(str(task.source))} ended with exit code "
                f"{process.exitcode}. Free memory, or give fewer --jobs, and run again: what is finished is kept."
            ) from None
        if isinstance(message, TrainingError):
            raise message
        event: Event = message
        return event


def _work(connection: Connection) -> None:
    """Body of a process: answer the files that come until nobody is there."""
    from training.score.file import FileScorer

    with suppress(EOFError, ConnectionError):  # the parent has no more, or is gone
        try:
            scorer = FileScorer(connection.recv())
            while True:
                for event in scorer.score(connection.recv()):
                    connection.send(event)
        except TrainingError as error:
            connection.send(error)
