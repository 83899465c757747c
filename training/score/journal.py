"""What is finished in a folder of outputs, so that a run that was ended is continued: a line for each output."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from pydantic import ValidationError

from service.contract.card import Frozen
from training.errors import TrainingError, UserError, quoted
from training.score.file import FileTask, ScoreSettings
from training.score.outputs import unfinished_path, unwritable
from training.table.files import FileStamp
from training.whole_file import take_lock

JOURNAL = "_scored.jsonl"
"""Its name begins as those do which readers of folders pass over."""


class OutputSettings(Frozen):
    """What an output depends on beside its file."""

    release: str
    architecture: str
    out_of_range: str
    unknown_category: str
    keep: tuple[str, ...]
    read: str

    @classmethod
    def of(cls, settings: ScoreSettings) -> "OutputSettings":
        """Take them from the run's."""
        card = settings.scorer.card
        return cls(
            release=card.release,
            architecture=card.architecture,
            out_of_range=settings.policies.out_of_range,
            unknown_category=settings.policies.unknown_category,
            keep=settings.keep,
            read=repr((settings.read, settings.numeric)),
        )


class Finished(Frozen):
    """An output that was written whole. stamp: its own; source: that of the file that it answers."""

    output: str
    """Its path below the folder."""
    stamp: FileStamp
    source: FileStamp
    settings: OutputSettings
    rows: int


class Journal:
    """The folder's journal: read at the beginning, continued after each file."""

    def __init__(self, folder: Path, file: FileIO, settings: OutputSettings) -> None:
        """Read it. file: without a buffer, which would be written once more when a full disk has ended the run."""
        self.folder, self.file, self.settings = folder, file, settings
        self.finished: dict[str, Finished] = {}
        line = b"\n"
        for line in file.readall().splitlines(keepends=True):
            try:
                entry = Finished.model_validate_json(line)
            except ValidationError:  # the last line of a run that was killed
                continue
            self.finished[entry.output] = entry
        if not line.endswith(b"\n"):
            self._write(b"\n")

    def leave_out_finished(self, stamps: Mapping[FileTask, FileStamp]) -> dict[FileTask, FileStamp]:
        """Return what is left to do. stamps: of the files to answer.

        Raise UserError for an output that is another's, or of other settings.
        """
        return {task: stamp for task, stamp in stamps.items() if not self._is_finished(task, stamp)}

    def _is_finished(self, task: FileTask, source: FileStamp) -> bool:
        if not task.output.exists():
            return False
        entry = self.finished.get(self._name(task))
        if entry is None or entry.stamp != FileStamp.of(task.output):
            raise UserError(
                f"--output must name a folder without files of others, however: {quoted(str(task.output))} is there, "
                "and this command did not write it so. Move it, or give another folder."
            )
        if entry.settings != self.settings:
            raise UserError(
                f"--output must name a folder whose files were written with the same options, however: "
                f"{quoted(str(task.output))} was written with {_difference(entry.settings, self.settings)}. Give "
                "another folder, or that option."
            )
        if entry.source != source:
            task.output.unlink()  # its file has changed since
            return False
        return True

    def add(self, task: FileTask, *, rows: int, source: FileStamp) -> None:
        """Note an output before it gets its name, which changes no stamp: who is killed in between does it again.

        source: the file as it was before it was read. Raise TrainingError where the journal can't be written.
        """
        entry = Finished(
            output=self._name(task),
            stamp=FileStamp.of(unfinished_path(task.output)),
            source=source,
            settings=self.settings,
            rows=rows,
        )
        self._write(entry.model_dump_json().encode() + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            while line:  # a disk may have room for a part of it
                line = line[self.file.write(line) :]
            os.fsync(self.file.fileno())
        except OSError as error:
            raise unwritable(self.folder / JOURNAL, error) from error

    def _name(self, task: FileTask) -> str:
        return task.output.relative_to(self.folder).as_posix()


def _difference(theirs: OutputSettings, ours: OutputSettings) -> str:
    before, now = theirs.model_dump(), ours.model_dump()
    name = next(name for name in before if before[name] != now[name])
    if name == "read":
        return "other options of reading"
    return f"{name.replace('_', ' ')} {json.dumps(before[name])} and not {json.dumps(now[name])}"


@contextmanager
def opened_journal(folder: Path, settings: OutputSettings) -> Iterator[Journal]:
    """Open a folder's journal, which no other run may use meanwhile.

    Raise UserError where one does, TrainingError where it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / JOURNAL).open("ab+", buffering=0)
    except OSError as error:
        raise TrainingError(
            f"--output must name a folder that can be written to, however: {error.filename}: {error.strerror}. Give "
            "another."
        ) from None
    with file:
        if not take_lock(file):
            raise UserError(
                f"--output must name a folder that no other run writes to, however: one writes to "
                f"{quoted(str(folder))}. Wait for it, or give another folder."
            )
        file.seek(0)
        yield Journal(folder, file, settings)
