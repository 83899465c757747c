"""uvicorn's HTTP protocol, with answers that leave together: one write each, at the end of the event loop's turn.

uvicorn itself writes an answer's head and body apart and at once (0.54), and each first write wakes the client's
processor: a fifth of a busy worker's time. Here the answers to requests that arrived together leave together, and only
the first of them wakes anybody. A lone answer, or one that took long to make, does not wait.
"""

import asyncio
import functools
import time
from typing import Any

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_WAIT_SECONDS = 0.001
"""About a turn in which 16 one-row requests are answered; beside anything longer, a wake-up costs nothing."""


class Outbox:
    """What the connections of one event loop hold back."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._holding: list[HoldingTransport] = []
        self._flushed = 0.0

    def add(self, transport: "HoldingTransport") -> None:
        """Flush ``transport`` when this turn ends, at the latest."""
        if not self._holding:
            self._loop.call_soon(self.flush)
        self._holding.append(transport)

    def answered(self) -> None:
        """Flush now if nothing was for a while: an answer is complete."""
        if time.perf_counter() - self._flushed > LONGEST_WAIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send all that is held."""
        holding, self._holding = self._holding, []
        for transport in holding:
            transport.flush()
        self._flushed = time.perf_counter()


@functools.lru_cache(maxsize=1)
def _outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    return Outbox(loop)


class HoldingTransport:
    """A connection's transport that sends when its outbox says so, and all at once."""

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._held: list[bytes] = []
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Hold ``data``."""
        if not self._held:
            self._outbox.add(self)
        self._held.append(data)

    def flush(self) -> None:
        """Send what is held, unless the connection was lost meanwhile."""
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Send what is held, and close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class HoldingProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, over transports that hold."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put an outbox between the protocol and its transport."""
        super().connection_made(transport)
        self._outbox = _outbox_of(self.loop)
        self.transport = HoldingTransport(transport, self._outbox)  # type: ignore[assignment]

    def on_response_complete(self) -> None:
        """Tell the outbox, then go on with the connection."""
        self._outbox.answered()
        super().on_response_complete()


def install() -> None:
    """Make it the protocol of the uvicorn server that BentoML starts next: BentoML leaves uvicorn's choice 'auto'."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{HoldingProtocol.__name__}"
