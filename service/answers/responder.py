"""From requests to answers, one or several at once: what arrived together goes through a graph together.

Here a request is counted and logged, and what fails is turned into an answer, whoever carries it.
"""

import itertools
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from service.answers.access_log import AccessLog
from service.answers.messages import DEADLINE_KEY, OK, Answer, Request, check_deadline, failure, wrong_method
from service.answers.metrics import STAGES, count_refusal
from service.answers.protocol_v2 import is_v2
from service.answers.routes import ComputingRoute, PlainRoute, Route
from service.answers.routing import Routing
from service.codec.problems import Problem
from service.contract.routes import TIMING_HEADER
from service.models.endpoints import PREDICTING
from service.models.inference import Array

logger = logging.getLogger("bentoml.archscale")
TIMING_KEY = TIMING_HEADER.lower().encode()
MOST_ROWS_TOGETHER = 64
"""Rows that go through a graph together: beyond, a matrix product is as fast for each of two halves."""

Call = tuple[Route, Request]


@dataclass(slots=True)
class Work:
    """A request that was read: what it asks for, and the seconds that it took so far."""

    place: int
    route: ComputingRoute[Any]
    request: Request
    asked: Any
    parse_seconds: float


class Responder:
    """Routes, and what answers at them. One instance for each worker."""

    def __init__(self, routing: Routing, *, together: bool = True, log: AccessLog | None = None) -> None:
        """Answer at these routes. together: whether requests that arrive together go through a graph together."""
        self.release = routing.release
        self.routes = routing.routes
        self._unknown_v2 = routing.unknown_v2
        self._together = together
        self._log = log

    def find(self, path: str) -> Route | None:
        """Return what answers at a path; None if that is BentoML's affair."""
        route = self.routes.get(path)
        return self._unknown_v2 if route is None and is_v2(path) else route

    def answer(self, route: Route, request: Request) -> Answer:
        """Answer one request by itself."""
        return self.answer_all([(route, request)])[0]

    def answer_all(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer requests that arrived together, in their order. Never raises: somebody waits for each answer."""
        try:
            return self._answer_all(calls)
        except Exception:  # of what counts and logs: what a route raises is answered below, alone
            logger.exception("%d requests failed", len(calls))
            return [self._fail_anyway(route, request) for route, request in calls]

    def _answer_all(self, calls: Sequence[Call]) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(calls)
        groups: dict[str, list[Work]] = {}
        for place, (route, request) in enumerate(calls):
            begin = time.perf_counter()
            try:
                if request.method not in route.methods:
                    raise wrong_method(request.method, route.methods)
                if DEADLINE_KEY in request.headers:
                    check_deadline(request.headers[DEADLINE_KEY])
                if route.computes:  # of an abstract class, isinstance takes longer
                    computing = cast("ComputingRoute[Any]", route)
                    asked = computing.read(request)
                    work = Work(place, computing, request, asked, time.perf_counter() - begin)
                    groups.setdefault(computing.endpoint.route, []).append(work)
                else:
                    answers[place] = cast("PlainRoute", route).answer(request)
                    self._write_log(route, request, 0, OK)
            except Problem as problem:
                answers[place] = self.refuse(route, request, problem)
            except Exception:
                answers[place] = self._fail(route, request)
        for works in groups.values():
            for part in self._parts(works):
                for work, answer in zip(part, self._compute(part), strict=True):
                    answers[work.place] = answer
        return answers  # type: ignore[return-value]

    def refuse(self, route: Route, request: Request, problem: Problem) -> Answer:
        """Answer with a problem, or with the one that the route puts in its place; what is answered is counted."""
        problem = route.told(problem)
        count_refusal(problem)
        if isinstance(route, ComputingRoute):
            route.meter.refused(problem.status.value)
        self._write_log(route, request, 0, problem.status.value)
        return route.refusal(problem, request.request_id)

    def _fail(self, route: Route, request: Request) -> Answer:
        """Answer 500; the exception under way goes into the log."""
        logger.exception("request %s to %s failed", request.request_id.decode(), request.path)
        return self.refuse(route, request, failure())

    def _fail_anyway(self, route: Route, request: Request) -> Answer:
        """Answer 500, counted and logged unless that is what failed."""
        try:
            return self.refuse(route, request, failure())
        except Exception:
            return route.refusal(failure(), request.request_id)

    def _parts(self, works: list[Work]) -> Iterable[list[Work]]:
        """Split requests to one endpoint into what goes through its graph together."""
        if not self._together or works[0].route.endpoint.label not in PREDICTING:
            yield from ([work] for work in works)
            return
        part: list[Work] = []
        rows = 0
        for work in works:
            rows += len(work.asked.rows)
            if part and rows > MOST_ROWS_TOGETHER:
                yield part
                part, rows = [], len(work.asked.rows)
            part.append(work)
        yield part

    def _compute(self, works: list[Work]) -> Iterable[Answer]:
        """Answer requests to one endpoint, by one run of its graph."""
        begin = time.perf_counter()
        try:
            values = _run(works)
        except Exception as error:
            if len(works) > 1:  # one of them is to blame: each by itself
                return itertools.chain.from_iterable(self._compute([work]) for work in works)
            work = works[0]
            if isinstance(error, Problem):
                return [self.refuse(work.route, work.request, error)]
            return [self._fail(work.route, work.request)]
        seconds = (time.perf_counter() - begin) / sum(len(work.asked.rows) for work in works)
        return [
            self._write(work, part, seconds * len(part))
            for work, part in zip(works, _split(values, works), strict=True)
        ]

    def _write(self, work: Work, values: Array, infer_seconds: float) -> Answer:
        request, asked = work.request, work.asked
        begin = time.perf_counter()
        try:
            answer = work.route.write(asked, values, request.request_id)
        except Problem as problem:
            return self.refuse(work.route, request, problem)
        except Exception:
            return self._fail(work.route, request)
        now = time.perf_counter()
        stages = (work.parse_seconds, infer_seconds, now - begin)
        meter, rows = work.route.meter, len(asked.rows)
        meter.answered(rows, asked.out_of_range, now - request.arrived, stages)
        if asked.unknown_categories:
            meter.met_unknown(asked.unknown_categories)
        if TIMING_KEY in request.headers:
            answer = answer._replace(headers=(*answer.headers, _server_timing(stages)))
        self._write_log(work.route, request, rows, OK)
        return answer

    def _write_log(self, route: Route, request: Request, rows: int, status: int) -> None:
        # Of other paths, which clients name as they like, not even a refusal for want of a key.
        if self._log is not None and isinstance(self.routes.get(request.path), ComputingRoute):
            self._log.write(
                request_id=request.request_id,
                route=request.path,
                architecture=route.architecture,
                rows=rows,
                status=status,
                milliseconds=(time.perf_counter() - request.arrived) * 1000,
            )


def _run(works: list[Work]) -> Array:
    run = works[0].route.endpoint.run
    if len(works) == 1:
        return run(works[0].asked.rows)
    return run(np.concatenate([work.asked.rows for work in works]))


def _split(values: Array, works: list[Work]) -> Iterable[Array]:
    begin = 0
    for work in works:
        end = begin + len(work.asked.rows)
        yield values[begin:end]
        begin = end


def _server_timing(stages: tuple[float, float, float]) -> tuple[bytes, bytes]:
    """Milliseconds of each stage (https://www.w3.org/TR/server-timing/)."""
    parts = (f"{name};dur={seconds * 1000:.4f}" for name, seconds in zip(STAGES, stages, strict=True))
    return b"server-timing", ", ".join(parts).encode()
