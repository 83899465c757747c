"""The limit of uvloop and httptools: a protocol that parses a request and answers it at once. Run with the port."""

import asyncio
import sys
from typing import Any

import httptools
import uvloop

BODY = b'{"predictions":[0.9925429821014404],"architecture":"small","release":"20260101t000000-000000"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


class AtOnce(asyncio.Protocol):
    """Reads a request, whatever it is."""

    def connection_made(self, transport: Any) -> None:
        """Take a connection."""
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer."""
        self._transport.write(ANSWER)


async def main() -> None:
    """Serve until a signal comes."""
    server = await asyncio.get_running_loop().create_server(AtOnce, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
