"""How large a table becomes before anything is trained on it: encoded columns, features, bytes."""

import math
from dataclasses import dataclass

from service.contract.card import RawFeature
from service.contract.names import count_features
from training.errors import UserError, quoted

FEATURE_BYTES = 8
"""The baselines take all features of all rows at once, in float64."""
SHOWN_COLUMNS = 5
MEGABYTE = 1e6
GIGABYTE = 1e9


@dataclass(frozen=True)
class TableSize:
    """rows: those to train on."""

    rows: int
    raw_columns: int
    encoded_columns: int

    @property
    def features(self) -> int:
        """Encoded columns and their products of degree 2."""
        return count_features(self.encoded_columns)

    @property
    def sentence(self) -> str:
        """What becomes of the columns, in one line."""
        memory = self.rows * self.features * FEATURE_BYTES
        shown = f"{memory / GIGABYTE:,.1f} GB" if memory >= GIGABYTE else f"{memory / MEGABYTE:,.1f} MB"
        raw = "1 raw column becomes" if self.raw_columns == 1 else f"{self.raw_columns} raw columns become"
        encoded = "1 encoded one" if self.encoded_columns == 1 else f"{self.encoded_columns} encoded ones"
        return f"{raw} {encoded} and {self.features:,} features: {shown} for {self.rows:,} training rows."


def measure_table(features: list[RawFeature], *, rows: int) -> TableSize:
    """Count what the raw columns become, for ``rows`` training rows."""
    encoded = sum(feature.encoded_columns for feature in features)
    return TableSize(rows=rows, raw_columns=len(features), encoded_columns=encoded)


def check_features(features: list[RawFeature], *, most: int, source: str) -> None:
    """Raise UserError where the columns make more than ``most`` features."""
    size = measure_table(features, rows=0)
    if size.features <= most:
        return
    several = [feature for feature in features if feature.encoded_columns > 1]
    largest = sorted(several, key=lambda feature: -feature.encoded_columns)[:SHOWN_COLUMNS]
    shown = ", ".join(f"{quoted(feature.name)} {feature.encoded_columns}" for feature in largest)
    room = int((math.sqrt(9 + 8 * most) - 3) / 2)  # count_features(room) <= most
    raise UserError(
        f"{source}: a table must make at most {most:,} features (--most-features), however: {size.raw_columns:,} raw "
        f"columns become {size.encoded_columns:,} encoded ones and {size.features:,} features"
        f"{f'; most columns come of {shown}' if shown else ''}. Give --drop until at most {room:,} encoded ones "
        "remain, or raise --most-features."
    )
