"""A release in the model store: its entries, the files that the service and the load test read, and its manifest."""

from pydantic import Field

from service.contract.card import Frozen
from service.contract.names import ArchitectureName

STORE_PREFIX = "archscale-"
NETWORK_FILE = "network.onnx"
PIPELINE_FILE = "pipeline.onnx"
TRACE_FILE = "trace.onnx"
CARD_FILE = "card.json"
PREPROCESSING_ONNX_FILE = "preprocessing.onnx"
SUMMARY_FILE = "summary.json"

EXAMPLE_ROWS = 100
"""Held-out rows that every card carries (fewer where fewer were held out, or where they have many features)."""
EXAMPLE_NUMBERS = 100_000
"""Features in all of them: 100 rows of 1,000, and of 18,335 the golden rows alone."""
GOLDEN_ROWS = 8
"""The first examples: the service must answer them as the card says before it is ready."""


def entry_name(part: str) -> str:
    """Name in the model store of an architecture, of the preprocessing or of the evaluation."""
    return STORE_PREFIX + part


class ReleaseManifest(Frozen):
    """What the preprocessing entry's metadata says of its release. That entry is written last."""

    release: str
    architectures: list[ArchitectureName] = Field(min_length=1)
    files: dict[str, dict[str, str]]
    """Part (an architecture, 'preprocessing', 'evaluation') -> file name -> SHA-256 in hexadecimal."""
