"""The vocabulary that training, service and load test share: what people decide.

What is learnt from data stands in the model card (``service.card``); the service checks one against the
other when it starts. This module imports the standard library and pydantic alone.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Task = Literal["classification", "regression"]

DEFAULT_ARCHITECTURES: dict[str, tuple[int, int]] = {"small": (2, 50), "large": (5, 200)}
"""Name -> (depth, width) of the networks that are trained when the user names none."""

# --- names -------------------------------------------------------------------------------------------

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
RAW_SUFFIX = "-raw"
PREPROCESSING = "preprocessing"
EVALUATION = "evaluation"
RESERVED_NAMES = (PREPROCESSING, EVALUATION)

ArchitectureName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]


def check_name(name: str) -> str:
    """Return ``name`` if it may name an architecture; raise ValueError with the rule it breaks otherwise."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(
            "an architecture's name must be a lower-case letter followed by at most 31 lower-case letters, "
            f"digits or '-', however: {name!r}. Choose a name such as 'wide-net'."
        )
    if name in RESERVED_NAMES or name.endswith(RAW_SUFFIX):
        raise ValueError(
            f"an architecture's name must not be one of {', '.join(RESERVED_NAMES)} nor end in '{RAW_SUFFIX}' "
            f"(the service uses these itself), however: {name!r}. Choose another name."
        )
    return name


def count_features(raw_features: int) -> int:
    """Return how many features ``raw_features`` scaled columns and all their degree-2 products make: 20 -> 230."""
    return raw_features + raw_features * (raw_features + 1) // 2


# --- store -------------------------------------------------------------------------------------------

STORE_PREFIX = "archscale-"
NETWORK_FILE = "network.onnx"
PIPELINE_FILE = "pipeline.onnx"
TRACE_FILE = "trace.onnx"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"
PREPROCESSING_ONNX_FILE = "preprocessing.onnx"
PREPROCESSING_SKOPS_FILE = "preprocessing.skops"
HELD_OUT_FILE = "held_out.parquet"
SUMMARY_FILE = "summary.json"

EXAMPLE_ROWS = 100
"""Held-out rows that every card carries (fewer where fewer were held out)."""
GOLDEN_ROWS = 8
"""The first examples: the service must answer them as the card says before it is ready."""

# Names of the graphs' inputs and outputs. A traced graph also has ``hidden_1`` .. ``hidden_<depth>``.
FEATURES = "features"
RAW = "raw"
PREDICTION = "prediction"


def hidden_output(layer: int) -> str:
    """Name of the trace graph's output for hidden layer ``layer``, counted from 1."""
    return f"hidden_{layer}"


def entry_name(part: str) -> str:
    """Name in the model store of an architecture, of the preprocessing or of the evaluation."""
    return STORE_PREFIX + part


class ReleaseManifest(BaseModel):
    """What the preprocessing entry's metadata says of its release. That entry is written last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    release: str
    architectures: list[ArchitectureName] = Field(min_length=1)
    files: dict[str, dict[str, str]]
    """Part (an architecture, 'preprocessing', 'evaluation') -> file name -> SHA-256 in hexadecimal."""


# --- HTTP --------------------------------------------------------------------------------------------

JSON_MEDIA_TYPE = "application/json"
NPY_MEDIA_TYPE = "application/x-npy"
RELEASE_HEADER = "X-Archscale-Release"
TIMING_HEADER = "X-Archscale-Timing"
"""Whoever sends it, with any value, is answered with the stages' times in ``Server-Timing``."""
TRANSFORM_ROUTE = "/transform"
MODELS_ROUTE = "/models"

PARITY_TOLERANCE = 1e-5
"""|a - b| <= PARITY_TOLERANCE * (1 + |b|), in standard deviations of the target for a regression."""


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
