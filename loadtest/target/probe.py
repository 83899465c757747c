"""Whether a host takes a kind of request at all: one is sent, before a load of them is measured."""

import urllib.error
import urllib.request

from loadtest.target.payloads import RequestKind

TIMEOUT_SECONDS = 30.0


def takes(host: str, kind: RequestKind) -> bool:
    """Whether ``host`` answers a request of ``kind``; not so where it is larger than the service allows."""
    headers = {"Content-Type": kind.media_type, "Accept": kind.media_type}
    request = urllib.request.Request(host.rstrip("/") + kind.route, kind.payloads[0].body, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):  # a body that is too large may be answered by a reset
        return False
