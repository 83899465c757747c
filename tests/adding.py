"""A release that adds: two architectures whose answers tell rows and architectures apart, and an ASGI echo."""

import json
from unittest import mock

import numpy as np

from service.answers.access_log import AccessLog
from service.answers.metrics import Meter
from service.answers.responder import Responder
from service.answers.routing import route_endpoints
from service.codec.rows import Rows, features_input, refuse_values
from service.models.endpoints import Endpoint
from service.models.inference import Array

RELEASE = "20260101t000000-abcdef"
FACTORS = {"small": 1, "large": 1000}
TAKES = features_input(("a", "b", "c"), 5000)
OVERFLOWS = 666.0
"""A row that begins with it has no finite answer."""
FAILS = 999.0
"""A row that begins with it makes the graph fail."""
DOCUMENTS = {"/models": b'{"models": []}'}


class Adder:
    """Endpoints that add up the numbers of each row, times a factor; they remember what they were asked."""

    def __init__(self, *, together: bool = True, log: AccessLog | None = None) -> None:
        self.runs: list[tuple[str, list[float]]] = []
        """Architecture and answers of each run."""
        self.meter: mock.Mock = mock.create_autospec(Meter)
        endpoints = [self._endpoint(name, factor) for name, factor in FACTORS.items()]
        routing = route_endpoints(endpoints, RELEASE, DOCUMENTS, self.meter)
        self.responder = Responder(routing, together=together, log=log)

    @property
    def refused(self) -> list[int]:
        """Statuses that were counted, beside 200."""
        return [call.args[0] for call in self.meter.return_value.refused.call_args_list]

    def _endpoint(self, name: str, factor: int) -> Endpoint:
        def run(rows: Rows) -> Array:
            if (rows[:, 0] == FAILS).any():
                raise RuntimeError("out of memory")
            wrong = np.zeros(rows.shape, bool)
            wrong[:, 0] = rows[:, 0] == OVERFLOWS
            if wrong.any():
                raise refuse_values("overflow", rows, wrong, TAKES)
            answer: Array = rows.sum(axis=1, dtype=np.float32) * np.float32(factor)
            self.runs.append((name, answer.tolist()))
            return answer

        return Endpoint(
            route=f"/predict/{name}",
            label="predict",
            architecture=name,
            takes=TAKES,
            run=run,
            describe=lambda _, answer: {"predictions": answer, "architecture": name},
            headings=("prediction",),
        )


async def echo(scope: object, receive: object, send: object) -> None:
    """Answer with the request's path and body, and its id."""
    assert isinstance(scope, dict)
    body = b""
    while True:
        message = await receive()  # type: ignore[operator]
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = json.dumps({"path": scope["path"], "body": body.decode()}).encode()
    request_id = dict(scope["headers"]).get(b"x-request-id", b"none")
    headers = [(b"content-length", b"%d" % len(answer)), (b"x-request-id", request_id)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": answer})  # type: ignore[operator]
