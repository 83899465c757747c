"""Heads of answers, as bytes: the parts that stay are made once, those with the date once a second."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service.answers.access_log import REQUEST_ID_KEY
from service.answers.messages import NO_SNIFFING, Answer, Fields
from service.contract.routes import RELEASE_HEADER

CLOSE = b"connection: close\r\n"


class Heads:
    """Writes the heads of a worker's answers."""

    def __init__(self, release: str) -> None:
        named = [(RELEASE_HEADER.lower().encode(), release.encode()), NO_SNIFFING, (REQUEST_ID_KEY, b"")]
        self._named = b"".join([b"\r\n%b: %b" % field for field in named])
        self._defaults: Fields | None = None
        self._starts: dict[tuple[int, str], bytes] = {}

    def write(self, answer: Answer, defaults: Fields, *, closes: bool) -> bytes:
        """Return an answer's head. defaults: the server's own fields, another object when they change."""
        if defaults is not self._defaults:
            self._defaults = defaults
            self._starts = {}
        key = (answer.status, answer.media_type)
        start = self._starts.get(key)
        if start is None:
            start = self._starts[key] = _make_start(*key, defaults)
        more = b"".join([b"%b: %b\r\n" % field for field in answer.headers]) if answer.headers else b""
        if closes and (b"connection", b"close") not in answer.headers:
            more += CLOSE
        return b"%b%d%b%b\r\n%b\r\n" % (start, len(answer.body), self._named, answer.request_id, more)


def _make_start(status: int, media_type: str, defaults: Fields) -> bytes:
    fields = [*defaults, (b"content-type", media_type.encode()), (b"content-length", b"")]
    return (STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % field for field in fields])).removesuffix(b"\r\n")
