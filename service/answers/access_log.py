"""A name for every request, and a line of JSON for as many of them as is asked for. Never the values that were sent."""

import itertools
import logging
import random
import re
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

from service.contract.routes import REQUEST_ID_HEADER

logger = logging.getLogger("bentoml.archscale")
REQUEST_ID_KEY = REQUEST_ID_HEADER.lower().encode()
USABLE_ID = re.compile(rb"[!-~]{1,128}")
"""Visible ASCII: what may be sent back in a header and written into a log as it is."""

# Random for each process and counted within it: ids of their own for a fifth of what random ones cost.
_PREFIX = secrets.token_hex(6).encode()
_counter = itertools.count(1)


def request_id_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the id that the client gave its request, or a new one where it gave none that is usable. ASCII."""
    given = headers.get(REQUEST_ID_KEY)
    if given is not None and USABLE_ID.fullmatch(given):
        return given
    return b"%b-%x" % (_PREFIX, next(_counter))


class AccessLog:
    """Writes to standard output. share: of the requests that are logged, 0 to 1."""

    def __init__(self, share: float, *, release: str) -> None:
        self._share = share
        self._release = release
        self._is_broken = False

    def write(
        self, *, request_id: bytes, route: str, architecture: str, rows: int, status: int, milliseconds: float
    ) -> None:
        """Write one line, if chance has it. One that can't be written is lost: the request was answered."""
        if random.random() >= self._share:
            return
        line = {
            "time": datetime.now(UTC),
            "id": request_id.decode(),
            "route": route,
            "architecture": architecture,
            "release": self._release,
            "rows": rows,
            "status": status,
            "ms": round(milliseconds, 3),
        }
        try:
            sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
            sys.stdout.buffer.flush()
        except OSError as error:  # a full disk, a pipe whose reader is gone
            if not self._is_broken:
                logger.warning("the access log can't be written, its lines are lost: %s", error)
            self._is_broken = True
        else:
            self._is_broken = False
