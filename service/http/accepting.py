"""Connections are accepted as fast as requests are answered.

uvloop accepts one in each turn of its loop (0.23, as libuv does): where turns are long, the last of 256 clients that
came at once waited a quarter of a second before the first byte was read.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

SECONDS_FOR_EACH = 50e-6
"""What it takes to accept a connection: as long as answering took, accepting may take."""

Protocols = Callable[[], asyncio.Protocol]


class Acceptor:
    """Accepts beside the server that listens on the same socket."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocols: Protocols,
        listening: socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        self._loop = loop
        self._protocols = protocols
        self._listening = listening
        self._context = context
        self._opening: set[asyncio.Task[Any]] = set()

    def accept(self, seconds: float) -> None:
        """Accept what waits, if there is any. seconds: that the last turn took to answer.

        No more than fit into these: an idle worker leaves the others their share.
        """
        for _ in range(int(seconds / SECONDS_FOR_EACH)):
            try:
                connection, _ = self._listening.accept()
            except OSError:  # nobody waits, somebody else was faster, no descriptor is left, or the server has ended
                return
            connection.setblocking(False)
            opening = self._loop.connect_accepted_socket(self._protocols, connection, ssl=self._context)
            task = self._loop.create_task(opening)
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Any]) -> None:
        self._opening.discard(task)
        if not task.cancelled():
            task.exception()  # of a client that left, or of TLS: nobody is to be told


def accept_beside(loop: asyncio.AbstractEventLoop, use: Callable[[Acceptor], None]) -> None:
    """Give ``use`` an acceptor for the server that the loop creates next, on a socket that is there."""
    create_server = loop.create_server

    async def create(protocols: Protocols, *args: Any, **options: Any) -> asyncio.Server:
        listening = options.get("sock")
        if listening is not None:
            use(Acceptor(loop, protocols, listening, options.get("ssl")))
        return await create_server(protocols, *args, **options)

    loop.create_server = create  # type: ignore[method-assign, assignment]
