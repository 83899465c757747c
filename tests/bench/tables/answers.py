"""Asks a served table for its held-out examples, by position and by name, and compares with the cards."""

import json
from pathlib import Path

import numpy as np

from loadtest.record.errors import MeasurementError
from loadtest.target.connection import ANSWER_SECONDS, request_from
from loadtest.target.server import serve
from service.contract.card import Examples, ModelCard
from service.contract.files import CARD_FILE, entry_name
from service.contract.policies import PARITY_TOLERANCE
from service.contract.routes import JSON_MEDIA_TYPE, predict_raw_route


def read_cards(home: Path) -> dict[str, ModelCard]:
    """Return the cards of the only release in the store of ``home``, by architecture."""
    files = (home / "models").glob(f"{entry_name('*')}/*/{CARD_FILE}")
    cards = [ModelCard.model_validate_json(file.read_text()) for file in files]
    return {card.architecture: card for card in cards}


def largest_difference(cards: dict[str, ModelCard], home: Path, log: Path) -> float:
    """Serve ``home`` and return by how much an answer is off, relative to 1 + its size, in standard deviations.

    Raises MeasurementError where the service does not become ready or an answer differs by more than the tolerance.
    """
    with serve(home, log=log, ARCHSCALE_WORKERS="1") as server:
        largest = max(_difference(server.url, card, body) for card in cards.values() for body in _bodies(card))
    if largest > PARITY_TOLERANCE:
        raise MeasurementError(f"answers must agree to {PARITY_TOLERANCE:g}, however: they differ by {largest:.1e}.")
    return largest


def _bodies(card: ModelCard) -> list[bytes]:
    """The examples by position, and by name."""
    names = [feature.name for feature in card.raw_features]
    records = [dict(zip(names, row, strict=True)) for row in card.examples.raw]
    return [json.dumps({"raw": card.examples.raw}).encode(), json.dumps({"records": records}).encode()]


def _difference(url: str, card: ModelCard, body: bytes) -> float:
    route = predict_raw_route(card.architecture)
    try:
        with request_from(url, route, seconds=ANSWER_SECONDS, body=body, media_type=JSON_MEDIA_TYPE) as answer:
            found = json.load(answer)["predictions"]
    except OSError as error:
        raise MeasurementError(f"POST {route} must be answered, however: {error}.") from error
    return _relative(found, card.examples, scale=card.target.scale)


def _relative(found: list[float] | list[list[float]], examples: Examples, *, scale: float) -> float:
    expected = np.array(examples.prediction) / scale
    return float(np.max(np.abs(np.array(found) / scale - expected) / (1 + np.abs(expected))))
