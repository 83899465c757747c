"""Files through a release: one after the other in this process, or several at a time, each in a process of its own."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from training.errors import TrainingError, interrupts_ignored, quoted
from training.score.file import Event, FileScorer, FileTask, Scored, ScoreSettings
from training.score.outputs import unfinished_path


def score_files(tasks: Sequence[FileTask], settings: ScoreSettings, *, jobs: int) -> Iterator[Event]:
    """Answer all files, ``jobs`` at a time, and yield what happens. Raise the first error; what runs then is ended."""
    if min(jobs, len(tasks)) > 1:
        yield from _Crew(tasks, settings).run(min(jobs, len(tasks)))
        return
    scorer = FileScorer(settings)
    for task in tasks:
        yield from scorer.score(task)


class _Crew:
    """Processes, each of which is given the next file when it has answered one."""

    def __init__(self, tasks: Sequence[FileTask], settings: ScoreSettings) -> None:
        self.waiting, self.settings = list(reversed(tasks)), settings
        self.processes: dict[Connection, BaseProcess] = {}
        self.at_work: dict[Connection, FileTask] = {}

    def run(self, jobs: int) -> Iterator[Event]:
        """Answer all files by so many processes."""
        try:
            for _ in range(jobs):
                self._give(self._start())
            while self.at_work:
                for connection in wait(list(self.at_work)):
                    event = self._receive(connection)  # type: ignore[arg-type]
                    yield event
                    if isinstance(event, Scored):
                        self._give(connection)  # type: ignore[arg-type]
        finally:
            for process in self.processes.values():
                process.kill()
                process.join()
            for task in self.at_work.values():
                unfinished_path(task.output).unlink(missing_ok=True)

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.settings), daemon=True)
        with interrupts_ignored():
            process.start()
        theirs.close()
        self.processes[ours] = process
        return ours

    def _give(self, connection: Connection) -> None:
        """Give a process its next file, where there is one."""
        self.at_work.pop(connection, None)
        if not self.waiting:
            return
        self.at_work[connection] = self.waiting.pop()
        with suppress(ConnectionError):  # it is dead, which the next look at it tells
            connection.send(self.at_work[connection])

    def _receive(self, connection: Connection) -> Event:
        try:
            message: Event | TrainingError = connection.recv()
        except (EOFError, ConnectionError):
            process, task = self.processes[connection], self.at_work[connection]
            process.join()
            raise TrainingError(
                f"each process must answer its files, however: that of {quoted(str(task.source))} ended with exit code "
                f"{process.exitcode}. Free memory, or give fewer --jobs, and run again: what is finished is kept."
            ) from None
        if isinstance(message, TrainingError):
            raise message
        return message


def _work(connection: Connection, settings: ScoreSettings) -> None:
    """Body of a process: answer the files that come until nobody is there."""
    with suppress(EOFError, ConnectionError):  # the parent has no more, or is gone
        try:
            scorer = FileScorer(settings)
            while True:
                for event in scorer.score(connection.recv()):
                    connection.send(event)
        except TrainingError as error:
            connection.send(error)
