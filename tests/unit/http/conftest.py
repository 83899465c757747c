"""A service that adds, its loop turned by hand."""

from collections.abc import Iterator

import pytest

from tests.adding import Adder, echo
from tests.hand_turned import HandLoop, HandService, hand_loop


@pytest.fixture
def loop() -> Iterator[HandLoop]:
    with hand_loop() as loop:
        yield loop


@pytest.fixture
def adder() -> Adder:
    return Adder()


@pytest.fixture
def service(adder: Adder, loop: HandLoop) -> HandService:
    return HandService(adder.responder, echo, loop)
