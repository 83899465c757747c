"""The service with one part of its process shape taken away, the part that SHAPE names. For bench_shape."""

import os
import sys

LESS = os.environ["SHAPE"]
H11 = "uvicorn.protocols.http.h11_impl:H11Protocol"

if LESS == "uvloop":
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # uvicorn then finds none

import bentoml  # noqa: E402
import uvicorn.config  # noqa: E402

from service import service  # noqa: E402
from service.http import protocol  # noqa: E402
from service.http.connections import Connections  # noqa: E402


def _leave_uvicorn_as_it_is(connections: Connections) -> None:
    """Stand in for ``protocol.install``: the ASGI application answers all."""


def _choose_h11(connections: Connections) -> None:
    uvicorn.config.HTTP_PROTOCOLS["auto"] = H11


if LESS == "protocol":
    protocol.install = _leave_uvicorn_as_it_is
if LESS == "protocol and httptools":
    protocol.install = _choose_h11

members = {"settle": None} if LESS == "frozen heap" else {}
Shaped = bentoml.service(name="archscale", service_class=service.FrontedService, workers=service.SETTINGS.workers)(
    type("Shaped", (service.Archscale.inner,), members)
)
