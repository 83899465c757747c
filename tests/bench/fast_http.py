"""Our closed user over the client of Locust's FastHttpUser: a Locust file for ``tests.bench.own_cost``."""

import locust  # noqa: F401  # first: it patches the standard library for gevent  # isort: skip

from typing import Any

from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment

import loadtest.locustfile  # noqa: F401  # its options and listeners
from loadtest.generator.client import HttpAnswer
from loadtest.generator.users import RELEASE_KEY, ClosedUser, PredictionUser
from service.contract.routes import RELEASE_HEADER


class FastClient:
    """Asks as ``loadtest.generator.client.Client`` does."""

    def __init__(self, user: PredictionUser) -> None:
        events = user.environment.events
        self._session: Any = FastHttpSession(user.environment.host, events.request, user, concurrency=1)
        self._route, media_type = user.kind.route, user.kind.media_type
        self._headers = {"Content-Type": media_type, "Accept": media_type}
        self._bodies = {request: payload.body for payload, request in user.requests}

    def ask(self, request: bytes) -> HttpAnswer:
        """Return the answer to one of the user's requests."""
        answer = self._session.post(self._route, data=self._bodies[request], headers=self._headers)
        release = (answer.headers or {}).get(RELEASE_HEADER, "").encode()
        return HttpAnswer(answer.status_code, {RELEASE_KEY: release}, answer.content or b"")

    def close(self) -> None:
        """Leave the connections to the garbage collector, as FastHttpUser does."""


class FastUser(ClosedUser):
    """Checks every answer and keeps every sample, as ours do; FastHttpUser's client tells Locust by itself."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client: Any = FastClient(self)

    def keep(self, *instants: float, **outcome: Any) -> None:
        """Keep one sample."""
        super().keep(*instants, **{**outcome, "tell": False})
