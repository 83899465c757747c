"""Triton's own client of the Open Inference Protocol: what it sends, and how it says what it was answered."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from loadtest.target.server import Server
from tests.flow.cases import FEATURES
from tests.patience import PATIENCE_SECONDS

BOTH_WAYS = pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])


def connect(service: Server) -> InferenceServerClient:
    patient = {"connection_timeout": PATIENCE_SECONDS, "network_timeout": PATIENCE_SECONDS}
    return InferenceServerClient(service.url.removeprefix("http://"), concurrency=4, **patient)


def tensor(rows: Any, name: str = "features", dtype: Any = np.float32, *, binary: bool = True) -> InferInput:
    array = np.array(rows, dtype)
    datatype = {"float32": "FP32", "float64": "FP64", "int32": "INT32"}[array.dtype.name]
    return InferInput(name, list(array.shape), datatype).set_data_from_numpy(array, binary_data=binary)


def ones(rows: int = 1, width: int = FEATURES) -> InferInput:
    return tensor(np.ones((rows, width)))


def refusal(ask: Callable[[], object]) -> tuple[str, str]:
    """Status and words of the exception that the client raises; it could read the answer."""
    with pytest.raises(InferenceServerException) as caught:
        ask()
    message = str(caught.value.message())
    assert "however" in message
    assert "exception occurred in the client" not in message
    return caught.value.status(), message
