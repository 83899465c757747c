"""What the known server says of itself: a card for each of its names, one example row, and the answer to it."""

import numpy as np
import orjson

from service.contract.card import Examples
from service.contract.names import count_features
from tests.cards import RELEASE, make_card
from tests.simulated import Profile

ANSWER = 0.25
"""The prediction for the one row that there is."""
RAW_FEATURES = 20
"""A row is as long as one of the default release."""


def catalogue(names: list[str]) -> bytes:
    """Return what GET /models answers."""
    cards = {name: make_card(Profile(name, 1, 1, 1, 0, 0, 1, 0, 0)).model_dump() for name in names}
    return orjson.dumps({"release": RELEASE, "models": cards})


def examples() -> bytes:
    """Return what GET /models/NAME/examples answers: the row that every request repeats."""
    random = np.random.default_rng(0)
    raw = random.random(RAW_FEATURES).tolist()
    features = random.random(count_features(RAW_FEATURES), np.float32).tolist()
    rows = Examples(raw=[raw], features=[features], target=[0], prediction=[ANSWER])
    return orjson.dumps({"release": RELEASE, **rows.model_dump()})
