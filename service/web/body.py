"""The body of a request that comes in messages of ASGI."""

from starlette.types import Receive

from service.answers.messages import Headers, too_large


class ClientGoneError(Exception):
    """The client left before its request was whole: there is nobody to answer."""


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Return the whole body; raise Problem 413 as soon as it is known to pass the limit, ClientGoneError."""
    if int(headers.get(b"content-length", b"0")) > limit:
        raise too_large(limit)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise too_large(limit)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
