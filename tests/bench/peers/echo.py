"""The limit of this stack: an ASGI handler that reads the body and answers ``{}``."""

from typing import Any


async def body_of(receive: Any) -> bytes:
    """Read a whole body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Any, body: bytes) -> None:
    """Send status 200 and ``body``."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request alike."""
    if scope["type"] == "http":
        await body_of(receive)
        await answer(send, b"{}")
