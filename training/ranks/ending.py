"""How a rank ends: one of all tells why, and SIGTERM, by which torchrun ends the others, is an error as any."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from training.errors import TrainingError
from training.ranks.group import RankGroup, join_group
from training.ranks.place import RankPlace


@contextmanager
def joined(place: RankPlace, *, seconds: float) -> Iterator[RankGroup]:
    """Yield the group of ranks. See ``join_group``.

    A rank that fails ends here, at once: what waits for others in the background would keep it. One of all ranks says
    why, the first that knows.
    """
    group = RankGroup(place)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with join_group(place, seconds=seconds) as group:
            yield group
    except TrainingError as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if group.may_tell():
            print(error, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.exit_code)
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise TrainingError(
        "all ranks must live until the end, however: torchrun ended them, as it does when one fails. Start them again, "
        "with --resume if there is a checkpoint."
    )
