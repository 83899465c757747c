"""The HTTP contract: routes, media types, headers, names of the client's methods, and answers."""

from pydantic import BaseModel
from pydantic.json_schema import SkipJsonSchema

JSON_MEDIA_TYPE = "application/json"
NPY_MEDIA_TYPE = "application/x-npy"
CSV_MEDIA_TYPE = "text/csv"
RELEASE_HEADER = "X-Archscale-Release"
REQUEST_ID_HEADER = "X-Request-Id"
TIMING_HEADER = "X-Archscale-Timing"
"""Whoever sends it, with any value, is answered with the stages' times in ``Server-Timing``."""
DEADLINE_HEADER = "X-Archscale-Deadline-Ms"
"""Milliseconds that a request may wait before it is begun, where its client wants fewer than the service allows."""
TRANSFORM_ROUTE = "/transform"
MODELS_ROUTE = "/models"
METRICS_ROUTE = "/metrics"
PROBES = frozenset({"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"})
"""Paths that are answered to everybody: orchestrators and load balancers have no key."""


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
    labels: list[str] | SkipJsonSchema[None] = None
    """Each row's class, where ``?labels=true`` asks for it."""


class ClassPredictions(Predictions):
    """Answer of the prediction routes where three and more classes are predicted: one probability for each."""

    predictions: list[list[float]]  # type: ignore[assignment]
    classes: list[str]


class Counts(BaseModel):
    """What an answer says of raw values."""

    out_of_range: int
    """Raw values outside the range that their column had in training."""
    unknown_categories: int | SkipJsonSchema[None] = None
    """Levels that training never saw, where columns are categories."""


class RawPredictions(Predictions, Counts):
    """Answer of the raw prediction routes."""


class RawClassPredictions(ClassPredictions, Counts):
    """Answer of the raw prediction routes where three and more classes are predicted."""


class Features(Counts):
    """Answer of the transform route: one row of features for each row of raw values."""

    features: list[list[float]]
    release: str
