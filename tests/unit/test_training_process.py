"""The fresh process that trains one architecture, where it does not end with a network."""

from typing import Any

import pytest

from training.architectures import Architecture
from training.errors import TrainingError
from training.process import run_job


class HungryJob:
    """Asks for more memory than any machine has as soon as the fresh process reads it."""

    architecture = Architecture("small", 2, 50)

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (2**62,)


def test_memory_that_runs_out_is_named_though_pythons_error_has_no_message() -> None:
    job: Any = HungryJob()
    with pytest.raises(TrainingError, match="must end with a network, however: MemoryError"):
        run_job(job, on_epoch=lambda entry: None)
