"""How a worker ends that does not get rid of a connection."""

import asyncio
import signal
from collections.abc import Iterator
from unittest import mock

import pytest
from uvicorn import Config, Server

from service.settings import ServiceSettings
from service.web.drain import drain_before_the_end
from tests.adding import echo
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with a connection that never ends, told of signals as ``Server.serve`` does it."""
    config = Config(echo, log_config=None, lifespan="off")
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    server.servers = []
    server.server_state.connections.add(mock.Mock())
    handlers = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
    yield server
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("drain_seconds", [0.0, 5.0])
def test_a_connection_that_never_ends_does_not_keep_a_worker_from_ending(server: Server, drain_seconds: float) -> None:
    async def end() -> None:
        drain_before_the_end(drain_seconds, end_seconds=1)
        await asyncio.wait_for(server.shutdown(), PATIENCE_SECONDS)

    asyncio.run(end())
    assert server.server_state.connections


def test_what_bentoml_was_told_holds(server: Server) -> None:
    server.config.timeout_graceful_shutdown = 7

    async def begin() -> None:
        drain_before_the_end(5.0, end_seconds=300)

    asyncio.run(begin())
    assert server.config.timeout_graceful_shutdown == 7


def test_the_end_may_take_as_long_as_a_request_that_keeps_to_every_limit() -> None:
    settings = ServiceSettings(
        head_seconds=1, body_seconds=2, deadline_ms=3000, answer_seconds=4, max_body_bytes=320 * 1024
    )
    assert settings.end_seconds == 1 + 2 + 3 + 4 + 5
