"""What a class of users asks of a host: fetched and encoded once for all users of a process."""

import functools
import threading
from pathlib import Path
from typing import Any

from locust.env import Environment

from loadtest.generator.client import encode_request
from loadtest.record.errors import InputError
from loadtest.record.trials import Body
from loadtest.target.catalogue import read_catalogue, read_examples
from loadtest.target.connection import ANSWER_SECONDS, authorization, authorize
from loadtest.target.payloads import Payload, RequestKind, make_request_kind
from service.contract.routes import TIMING_HEADER

Requests = tuple[tuple[Payload, bytes], ...]
"""Each payload, and the whole request that carries it."""

LEAST = {"rate": 0, "seconds": 0, "warm_up": 0, "slo_p99_ms": 0, "seed": 0, "stop_after_late": 0, "most_under_way": 1}
"""Options of open users -> the least number that means something."""

_one_at_a_time = threading.Lock()


def check_numbers(options: Any) -> None:
    """Raise InputError where a number can't be meant."""
    for name, least in LEAST.items():
        value = getattr(options, name)
        if not least <= value < float("inf"):
            raise InputError(
                f"--{name.replace('_', '-')} must be a number of at least {least}, however: {value}. Correct it."
            )
    if options.slo_p99_ms >= 1000 * ANSWER_SECONDS:
        raise InputError(
            f"--slo-p99-ms must be below {1000 * ANSWER_SECONDS:g}, as no answer is waited for longer, "
            f"however: {options.slo_p99_ms:g}. Correct it."
        )


def check_rate(options: Any) -> None:
    """Raise InputError where open users would have nothing to do."""
    if not options.rate:
        raise InputError("open users must have a rate, however: none is given. Give --rate ARRIVALS_PER_SECOND.")


def requests_of(architecture: str | None, environment: Environment, *, timed: bool) -> tuple[RequestKind, Requests]:
    """Return what is asked of the environment's host, of ``architecture`` or of ``--architecture``.

    Raises InputError where nothing is named, or the host does not serve it.
    """
    options: Any = environment.parsed_options
    architecture = architecture or options.architecture
    if architecture is None:
        raise InputError("this user must know what to ask, however: none is named. Give --architecture NAME.")
    if not environment.host:
        raise InputError("a host must be given, however: there is none. Give --host URL.")
    with _one_at_a_time:  # a thousand users start at once, one of them fetches
        authorize(Path(options.api_key_file) if options.api_key_file else None)
        return _requests(environment.host, architecture, options.body, options.rows, timed)


@functools.cache
def _requests(host: str, architecture: str, body: Body, rows: int, timed: bool) -> tuple[RequestKind, Requests]:
    card = read_catalogue(host).card(architecture)
    kind = make_request_kind(architecture, read_examples(host, architecture), body, rows, card.target.scale)
    headers = {"Content-Type": kind.media_type, "Accept": kind.media_type, **authorization()}
    if timed:
        headers[TIMING_HEADER] = "1"
    return kind, tuple((payload, encode_request(host, kind.route, headers, payload.body)) for payload in kind.payloads)


def forget() -> None:
    """Fetch anew: another release may be served by now."""
    _requests.cache_clear()
