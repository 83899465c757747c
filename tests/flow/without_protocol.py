"""The service as uvicorn alone would carry it: the front, and no protocol before it. For the tests."""

import bentoml
import uvicorn.config
from starlette.types import ASGIApp

from service.service import Archscale, FrontedService


class Carried(FrontedService):
    """A service whose protocol is not installed."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Make the application, and leave uvicorn as it was."""
        protocols = dict(uvicorn.config.HTTP_PROTOCOLS)
        app = super().to_asgi(is_main)
        uvicorn.config.HTTP_PROTOCOLS.update(protocols)
        return app


WithoutProtocol = bentoml.service(name="archscale", service_class=Carried, workers=1)(Archscale.inner)
