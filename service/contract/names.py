"""What things are called: tasks, the default architectures with their sizes, inputs and outputs of the graphs."""

import re
from typing import Annotated, Literal

from pydantic import StringConstraints

Task = Literal["classification", "regression"]

DEFAULT_ARCHITECTURES: dict[str, tuple[int, int]] = {"small": (2, 50), "large": (5, 200)}
"""Name -> (depth, width) of the networks that are trained when the user names none."""

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


# Names of the graphs' inputs and outputs. A traced graph also has ``hidden_1`` .. ``hidden_<depth>``.
FEATURES = "features"
RAW = "raw"
RECORDS = "records"
"""JSON member of raw rows by name."""
PREDICTION = "prediction"


def hidden_output(layer: int) -> str:
    """Name of the trace graph's output for hidden layer ``layer``, counted from 1."""
    return f"hidden_{layer}"
