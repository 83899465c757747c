"""A turn of uvloop's loop accepts one connection: the others that wait are accepted beside it."""

import asyncio
import socket

import pytest
import uvloop

from service.http.accepting import SECONDS_FOR_EACH, Acceptor, accept_beside
from tests.patience import PATIENCE_SECONDS

CLIENTS = 40


class Counting(asyncio.Protocol):
    """Counts connections, and greets them."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counting.made += 1
        transport.write(b"hello")  # type: ignore[attr-defined]
        transport.close()


async def accept(turn_seconds: float) -> tuple[int, int]:
    """Let clients connect and the acceptor accept once: how many it accepted, how many were greeted in the end."""
    Counting.made = 0
    loop = asyncio.get_running_loop()
    acceptors: list[Acceptor] = []
    accept_beside(loop, acceptors.append)
    listening = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
    listening.setblocking(False)
    server = await loop.create_server(Counting, sock=listening, start_serving=False)
    clients = [socket.create_connection(listening.getsockname(), PATIENCE_SECONDS) for _ in range(CLIENTS)]
    acceptors[0].accept(turn_seconds)
    async with asyncio.timeout(PATIENCE_SECONDS):
        before = -1
        while before != Counting.made:
            before = Counting.made
            for _ in range(10):
                await asyncio.sleep(0)
        accepted = Counting.made
        await server.start_serving()
        greetings = await asyncio.gather(*(asyncio.to_thread(client.recv, 5) for client in clients))
    for client in clients:
        client.close()
    server.close()
    listening.close()
    acceptors[0].accept(1.0)  # the server has ended: nothing happens
    return accepted, sum(greeting == b"hello" for greeting in greetings)


@pytest.mark.parametrize(
    ("turn_seconds", "accepted"),
    [(0.0, 0), (0.5 * SECONDS_FOR_EACH, 0), (5.5 * SECONDS_FOR_EACH, 5), (1.0, CLIENTS)],
)
def test_as_many_are_accepted_as_fit_into_the_time_of_the_last_turn_and_the_others_by_the_server(
    turn_seconds: float, accepted: int
) -> None:
    assert uvloop.run(accept(turn_seconds)) == (accepted, CLIENTS)
