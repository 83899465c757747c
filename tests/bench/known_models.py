"""The one model that the known servers pretend to serve: its card, its examples, and the answer to them."""

import numpy as np

from service.card import DataSource, Description, Examples, Metrics, RawFeature, Recipe, Target
from service.contract import count_features

RELEASE = "known"
RAW_FEATURES = 20
ANSWER = 0.25
"""The prediction for the one row that there is."""


def models(name: str) -> dict[str, object]:
    """Return a card without its examples, as GET /models lists it."""
    features = count_features(RAW_FEATURES)
    card = Description(
        release=RELEASE,
        architecture=name,
        task="classification",
        target=Target(name="target"),
        depth=1,
        width=1,
        parameters=features + 1,
        bytes=features * 4,
        raw_features=[RawFeature(name=f"x{k}", minimum=0, maximum=1) for k in range(RAW_FEATURES)],
        feature_names=[f"f{k}" for k in range(features)],
        recipe=Recipe(
            epochs=0,
            batch_size=1,
            learning_rate=0,
            weight_decay=0,
            dropout=0,
            seed=0,
            optimizer="none",
            schedule="none",
            selection="none",
        ),
        data=DataSource(
            source="none", fingerprint="none", rows=1, train_rows=0, validation_rows=0, test_rows=1, seed=0
        ),
        trace=[],
        test=Metrics(loss=0),
        train_seconds=0,
        peak_memory_bytes=0,
        libraries={},
    )
    return card.model_dump()


def examples() -> bytes:
    """Return the one row that every request repeats, as GET /models/NAME/examples does; it is as long as a real one."""
    random = np.random.default_rng(0)
    raw = random.random(RAW_FEATURES).tolist()
    features = random.random(count_features(RAW_FEATURES), np.float32).tolist()
    rows = Examples(raw=[raw], features=[features], target=[0], prediction=[ANSWER])
    return rows.model_dump_json()[:-1].encode() + f',"release":"{RELEASE}"}}'.encode()
