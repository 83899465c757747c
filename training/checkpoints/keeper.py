"""Writes the state of one network when that is due, and reads what an earlier process wrote."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from training.checkpoints.files import write_checkpoint
from training.checkpoints.folder import CheckpointPlan
from training.checkpoints.state import TrainingState, read_state
from training.errors import TrainingError
from training.ranks.group import RankGroup


class Keeper:
    """Keeps nothing where there is no plan."""

    def __init__(self, plan: CheckpointPlan | None) -> None:
        self.plan, self.run = plan, plan.run if plan else None
        self.parent = os.getppid()
        self.due = time.monotonic() + plan.seconds if plan else float("inf")

    def read(self, *, group: RankGroup, parameters: int) -> TrainingState | None:
        """Return what an earlier process wrote; None: nothing. Raise UserError where it is of no use.

        Ranks without a plan get what rank 0 has read.
        """
        content = None
        if self.plan is not None and self.plan.path.exists():
            content = self.plan.path.read_bytes()
            read_state(content, path=self.plan.path, run=self.run, parameters=parameters)
        content = group.bytes_of_first(content)
        path = self.plan.path if self.plan else Path("of rank 0")
        return None if content is None else read_state(content, path=path, run=self.run, parameters=parameters)

    def write_if_due(self, make: Callable[[], TrainingState]) -> None:
        """Write what ``make`` returns if the plan's seconds have passed since the last time."""
        if time.monotonic() >= self.due:
            self.write(make)

    def write(self, make: Callable[[], TrainingState]) -> None:
        """Write what ``make`` returns. Raise TrainingError where that fails, and what was written before stays."""
        if self.plan is None:
            return
        if os.getppid() != self.parent:  # the run was killed, and another one may go on from the folder by now
            raise TrainingError("training must be asked for by a run, however: that has ended.")
        write_checkpoint(self.plan.path, make().save)
        self.due = time.monotonic() + self.plan.seconds
