"""Raw columns of every kind, as a card has them, without a release."""

from collections.abc import Sequence
from typing import Any

from service.codec.columns import Columns
from service.contract.card import RawFeature

AGE = RawFeature(name="age", minimum=18, maximum=90)
INCOME = RawFeature(name="income", minimum=0, maximum=9e4, missing_share=0.1, encoded_columns=2)
MEMBER = RawFeature(name="member", minimum=0, maximum=1, kind="boolean", levels=["No", "Yes"])
ACTIVE = RawFeature(name="active", minimum=0, maximum=1, kind="boolean", missing_share=0.2, encoded_columns=2)
FLAG = RawFeature(name="flag", minimum=0, maximum=1, kind="boolean")
CITY = RawFeature(
    name="city", minimum=0, maximum=2, kind="category", levels=["Bonn", "Oslo, N", "Rom"], encoded_columns=3
)
PLAN = RawFeature(
    name="plan", minimum=0, maximum=1, kind="category", levels=["basic", "pro"], missing_share=0.3, encoded_columns=3
)
MIXED = [AGE, INCOME, MEMBER, ACTIVE, CITY, PLAN]
OUTSIDE = {"id": "was left out in training: leave it out", "churn": "is the target: leave it out"}


def number_columns(names: Sequence[str]) -> Columns:
    """Columns of numbers without gaps."""
    return Columns(RawFeature(name=name, minimum=0, maximum=1) for name in names)


def mixed_columns(**options: Any) -> Columns:
    """Columns of every kind, with and without gaps."""
    return Columns(MIXED, outside=OUTSIDE, **options)
