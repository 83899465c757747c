"""What the protocol itself refuses, whatever the route: the connection ends with it."""

from http import HTTPStatus

from service.codec.problems import Problem, malformed

MOST_HEAD_BYTES = 64 * 1024


def not_http() -> Problem:
    """400: what came can't be read as a request."""
    return malformed(
        "a request must be HTTP/1.1 (RFC 9112), however: what came can't be read as such. Look at what lies between.",
        rule="http",
    )


def wrong_host(hosts: int) -> Problem:
    """400: a request that names no host, or several."""
    return malformed(f"a request must have one Host header, however: it has {hosts}. Send one.", rule="host")


def head_too_large() -> Problem:
    """431: a head beyond the limit."""
    return Problem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"a request's head must hold at most {MOST_HEAD_BYTES} bytes, however: this one holds more. "
        "Send fewer or shorter headers.",
        rule="head-size",
    )


def too_slow() -> Problem:
    """408: a request that was not whole when its time was over."""
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        "a request must arrive in time, however: this one was not whole when its time was over. Send it again, faster.",
        rule="timeout",
    )
