"""HTTP to the service under test, past every proxy: what is measured is the service, and it often is on loopback."""

import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse, RemoteDisconnected
from pathlib import Path

from loadtest.record.errors import InputError, MeasurementError

ANSWER_SECONDS = 30.0
"""A prediction that takes longer than this is none: an SLO must be shorter."""
TOO_LARGE = 413
UNAUTHORIZED = 401

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_authorization: dict[str, str] = {}


def authorize(file: Path | None) -> None:
    """Send the API key that ``file`` holds with every request of this process; none without a file.

    The key comes from a file, for everybody may read the command line of a process. Raises InputError.
    """
    _authorization.clear()
    if file is not None:
        _authorization["Authorization"] = f"Bearer {_read_key(file)}"


def authorization() -> dict[str, str]:
    """Return the header that carries the key, if there is one."""
    return dict(_authorization)


def _read_key(file: Path) -> str:
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it holds other characters than a key's"
        raise InputError(
            f"--api-key-file must be a file that holds a key, however: {file}: {reason}. Correct it."
        ) from None
    if not key or not key.isprintable() or " " in key:
        raise InputError(
            f"--api-key-file must be a file that holds one key, however: {file} holds none or several. Correct it."
        )
    return key


def request_from(
    host: str, route: str, *, seconds: float, body: bytes | None = None, media_type: str = "*/*"
) -> HTTPResponse:
    """GET ``route``, or POST ``body``; close what is returned. host: a URL. Raises as ``urllib.request.urlopen``."""
    headers = {"Accept": media_type} if body is None else {"Accept": media_type, "Content-Type": media_type}
    request = urllib.request.Request(host.rstrip("/") + route, body, headers)
    for name, value in _authorization.items():
        request.add_unredirected_header(name, value)
    answer: HTTPResponse = _opener.open(request, timeout=seconds)
    return answer


def accepts_body(host: str, route: str, media_type: str, body: bytes) -> bool:
    """Whether ``host`` answers a POST of ``body``; not so where it is larger than the service allows.

    Raises MeasurementError where there is no answer, or one that says something else.
    """
    try:
        with request_from(host, route, seconds=ANSWER_SECONDS, body=body, media_type=media_type):
            return True
    except urllib.error.HTTPError as error:
        with error:
            if error.code == TOO_LARGE:
                return False
            reason = f"status {error.code}"
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        # A server that closes while a body is still coming resets the connection, and its 413 may be lost on the way.
        # One that read all of it and then died ends it in order.
        if isinstance(cause, ConnectionResetError | BrokenPipeError) and not isinstance(cause, RemoteDisconnected):
            return False
        reason = str(cause) or type(cause).__name__
    raise MeasurementError(
        f"the service must answer a request of {len(body) / 1e6:.1f} MB or refuse it as too large, however: "
        f"POST {route} failed ({reason}). Look at the service's log."
    )
