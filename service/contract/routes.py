"""The HTTP contract: routes, media types, headers, names of the client's methods, and answers."""

from pydantic import BaseModel

JSON_MEDIA_TYPE = "application/json"
NPY_MEDIA_TYPE = "application/x-npy"
CSV_MEDIA_TYPE = "text/csv"
RELEASE_HEADER = "X-Archscale-Release"
REQUEST_ID_HEADER = "X-Request-Id"
TIMING_HEADER = "X-Archscale-Timing"
"""Whoever sends it, with any value, is answered with the stages' times in ``Server-Timing``."""
TRANSFORM_ROUTE = "/transform"
MODELS_ROUTE = "/models"


def predict_route(architecture: str) -> str:
    """POST: features -> predictions."""
    return f"/predict/{architecture}"


def predict_raw_route(architecture: str) -> str:
    """POST: raw values -> predictions."""
    return f"/predict/{architecture}/raw"


def trace_route(architecture: str) -> str:
    """POST: one raw row -> its way through the layers."""
    return f"/trace/{architecture}"


def examples_route(architecture: str) -> str:
    """GET: the card's held-out rows."""
    return f"{MODELS_ROUTE}/{architecture}/examples"


def predict_method(architecture: str) -> str:
    """Name of the BentoML API, and so of the BentoML client's method, behind ``predict_route``."""
    return f"predict_{architecture.replace('-', '_')}"


def predict_raw_method(architecture: str) -> str:
    """Name of the BentoML API behind ``predict_raw_route``."""
    return f"{predict_method(architecture)}_raw"


class Predictions(BaseModel):
    """Answer of the prediction routes: one number for each row."""

    predictions: list[float]
    architecture: str
    release: str


class RawPredictions(Predictions):
    """Answer of the raw prediction routes."""

    out_of_range: int
    """Raw values outside the range that their column had in training."""


class Features(BaseModel):
    """Answer of the transform route: one row of features for each row of raw values."""

    features: list[list[float]]
    release: str
    out_of_range: int
    """Raw values outside the range that their column had in training."""
