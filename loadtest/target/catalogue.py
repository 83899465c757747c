"""What a host serves: its release, its model cards and their examples, read over HTTP."""

import http.client
import json
import urllib.error
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from loadtest.record.errors import InputError
from loadtest.target.connection import UNAUTHORIZED, request_from
from service.contract.card import Description, Examples, ModelCard
from service.contract.routes import MODELS_ROUTE, examples_route

TIMEOUT_SECONDS = 10.0
"""A host that takes longer than this for one small answer can't be load tested in any sensible way."""

NO_EXAMPLES: dict[str, list[object]] = {"raw": [], "features": [], "target": [], "prediction": []}


@dataclass(frozen=True)
class ServedModels:
    """What ``host`` serves: one card (its examples left out) for each architecture of ``release``."""

    host: str
    release: str
    cards: dict[str, ModelCard]

    def card(self, architecture: str) -> ModelCard:
        """Return the card; raise InputError where the host does not serve ``architecture``."""
        if architecture not in self.cards:
            served = ", ".join(self.cards)
            raise InputError(
                f"the architecture must be one that {self.host} serves, however: {architecture!r}. "
                f"Choose from: {served}."
            )
        return self.cards[architecture]

    def describe(self, architectures: list[str]) -> dict[str, Description]:
        """Return what is known of these, as results keep it."""
        chosen = {name: self.card(name) for name in architectures}
        return {name: Description(**card.model_dump(exclude={"examples"})) for name, card in chosen.items()}


@dataclass(frozen=True)
class ExampleRows:
    """Held-out rows of one architecture and the release that their predictions come from."""

    release: str
    rows: Examples


def read_catalogue(host: str) -> ServedModels:
    """GET /models. Raises InputError where ``host`` is no URL, does not answer, or is no such service."""
    answer = _get(host, MODELS_ROUTE)
    try:
        cards = {n: ModelCard.model_validate({**c, "examples": NO_EXAMPLES}) for n, c in answer["models"].items()}
        return ServedModels(host=host, release=answer["release"], cards=cards)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(_not_this_service(host, MODELS_ROUTE)) from error


def read_examples(host: str, architecture: str) -> ExampleRows:
    """GET the held-out rows of ``architecture``. Raises InputError like ``read_catalogue``."""
    route = examples_route(architecture)
    answer = _get(host, route)
    try:
        release = answer.pop("release")
        return ExampleRows(release=release, rows=Examples.model_validate(answer))
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(_not_this_service(host, route)) from error


def _get(host: str, route: str) -> Any:
    try:
        with request_from(host, route, seconds=TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == UNAUTHORIZED:
                raise InputError(
                    f"{host} must know the key that it is asked with, however: GET {route} was answered with 401. "
                    "Give --api-key-file FILE."
                ) from error
            raise InputError(f"{_not_this_service(host, route)[:-1]} (status {error.code}).") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise InputError(
            f"the service must answer at {host}, however: GET {route} failed ({reason}). Start it or correct --host."
        ) from error


def _not_this_service(host: str, route: str) -> str:
    return (
        f"{host} must be an archscale service of this version, however: GET {route} did not answer as one. "
        "Correct --host."
    )
