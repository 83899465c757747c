"""The version of uvicorn that the protocol was tested with: it overrides what is private to uvicorn."""

import uvicorn

TESTED_UVICORN = "0.54.0"


class UntestedError(Exception):
    """Another version, in one line."""


def check_uvicorn(version: str = uvicorn.__version__) -> None:
    """Raise UntestedError for a version of uvicorn that ``service.http.protocol`` was not tested with."""
    if version != TESTED_UVICORN:
        raise UntestedError(
            f"uvicorn must be {TESTED_UVICORN}, whose protocol the service extends, however: {version}. "
            "Install what requirements/service.txt pins."
        )
