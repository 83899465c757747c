"""Admits requests, or answers them itself: 401 without a key that is known, 429 beyond the key's rate."""

import hmac
import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from service.access.bucket import Bucket
from service.access.key_file import SECONDS_BETWEEN_LOOKS, KeyFile, digest_of
from service.answers import routes
from service.answers.messages import Answer, Headers, Request
from service.answers.protocol_v2 import is_v2, problem_answer_v2
from service.answers.routes import AnyMethod, PlainRoute
from service.codec.problems import Problem
from service.contract.routes import PROBES

AUTHORIZATION = b"authorization"
SCHEME = b"bearer "
MOST_KNOWN, LONGEST_KNOWN = 1024, 256
"""Headers of admitted requests that are remembered, and bytes of each."""


class Counting(Protocol):
    """What counts: see ``service.access.tally``."""

    def expect(self, names: set[str]) -> None:
        """Make ready to count requests with these keys."""

    def allowed(self, name: str) -> None:
        """Count a request that is answered."""

    def limited(self, name: str) -> None:
        """Count a request beyond its key's rate."""

    def refused(self) -> None:
        """Count a request without a key that is known."""


class RefusedRoute(PlainRoute):
    """Answers a request that is not admitted, whatever it asks for; its body is thrown away as it comes."""

    methods = AnyMethod()
    takes_body = False

    def __init__(self, problem: Problem, release: str, *, v2: bool) -> None:
        self._problem = problem
        self._release = release
        self._v2 = v2

    def answer(self, request: Request) -> Answer:
        """Raise the problem."""
        raise self._problem

    def told(self, problem: Problem) -> Problem:
        """Return the problem for which the request was not admitted: a later one says nothing to a stranger."""
        return self._problem

    def refusal(self, problem: Problem, request_id: bytes) -> Answer:
        """Return what the request is told, in the form of the path that it asked for."""
        told = self.told(problem)
        if self._v2:
            return problem_answer_v2(told, request_id)
        return routes.problem_answer(told, self._release, request_id)


class Guard:
    """One for each worker."""

    def __init__(
        self,
        keys: KeyFile,
        tally: Counting,
        release: str,
        *,
        rate: float | None,
        workers: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """rate: requests per second that a key may send to the service, evenly to each of its ``workers``."""
        self._file = keys
        self._tally = tally
        self._release = release
        self._workers = workers
        self._share = None if rate is None else rate / workers
        self._clock = clock
        self._next_look = clock() + SECONDS_BETWEEN_LOOKS
        self._buckets: dict[str, Bucket] = {}
        self._known: dict[bytes, str] = {}
        self._strangers = [RefusedRoute(_unknown_key(), release, v2=v2) for v2 in (False, True)]
        self._take_keys()

    def refusal(self, path: str, headers: Headers) -> RefusedRoute | None:
        """Return what answers a request that is not admitted; None for one that is. Counted.

        path: decoded, as routes are found by it.
        """
        if path in PROBES:
            return None
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + SECONDS_BETWEEN_LOOKS
            if self._file.look():
                self._take_keys()
        authorization = headers.get(AUTHORIZATION, b"")
        name = self._known.get(authorization) or self._name_of(authorization)
        if name is None:
            self._tally.refused()
            return self._strangers[is_v2(path)]
        if self._share is not None and (seconds := (self._buckets.get(name) or self._bucket_of(name, now)).take(now)):
            self._tally.limited(name)
            return RefusedRoute(_too_often(self._share, self._workers, seconds), self._release, v2=is_v2(path))
        self._tally.allowed(name)
        return None

    def _take_keys(self) -> None:
        # Looking a digest up tells a stranger nothing: who knows no key can't choose its digest, and Python's table is
        # keyed anew in every process. Whether it is the same is then compared in constant time.
        self._keys = {digest: (digest, name) for digest, name in self._file.keys.items()}
        self._known.clear()
        self._tally.expect(set(self._file.keys.values()))

    def _name_of(self, authorization: bytes) -> str | None:
        """Return the name of the key that a request carries; None if it carries none that is known.

        A header that was admitted is remembered, since its digest takes as long as the rest of what is asked here.
        """
        if authorization[: len(SCHEME)].lower() != SCHEME:
            return None
        digest = digest_of(authorization[len(SCHEME) :].strip())
        expected, name = self._keys.get(digest, (b"", None))
        if name is None or not hmac.compare_digest(expected, digest):
            return None
        if len(authorization) <= LONGEST_KNOWN:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[authorization] = name
        return name

    def _bucket_of(self, name: str, now: float) -> Bucket:
        assert self._share is not None
        bucket = self._buckets[name] = Bucket(self._share, now)
        return bucket


def _unknown_key() -> Problem:
    """401, the same for no key, a broken and a wrong one."""
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "a request must carry a key that is known, however: this one does not. Send it in the header "
        "Authorization: Bearer KEY.",
        rule="key",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _too_often(share: float, workers: int, seconds: float) -> Problem:
    """429. share: requests per second to each worker; seconds: until this one admits the next."""
    if workers == 1:
        rule, fact, way_out = "", "more", ""
    else:
        rule, fact = f", {share:g} to each of {workers} workers", "more to a worker"
        way_out = ", or over more connections: each stays with one worker"
    return Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"a key must send at most {share * workers:g} requests/s{rule}, however: this one sent {fact}. "
        f"Ask again later, or less often{way_out}.",
        rule="rate",
        headers={"Retry-After": str(max(1, math.ceil(seconds)))},
    )
