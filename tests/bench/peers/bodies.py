"""Bodies of requests: the same rows in the words of each route."""

import io
import json
from dataclasses import dataclass, field

import numpy as np

from service.codec.tensors import BINARY_MEDIA_TYPE, HEADER_LENGTH_HEADER
from service.contract.routes import JSON_MEDIA_TYPE, NPY_MEDIA_TYPE

Rows = list[list[float]]


@dataclass(frozen=True)
class Body:
    """A body and the fields of the head that go with it."""

    content: bytes
    media_type: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Fields of the head."""
        return {"Content-Type": self.media_type, **self.more}


def as_json(rows: Rows) -> Body:
    """Rows of features."""
    return Body(json.dumps({"features": rows}).encode(), JSON_MEDIA_TYPE)


def as_raw(rows: Rows) -> Body:
    """Rows of raw values."""
    return Body(json.dumps({"raw": rows}).encode(), JSON_MEDIA_TYPE)


def as_npy(rows: Rows) -> Body:
    """Rows of features as a float32 ``.npy`` file, answered in kind."""
    stream = io.BytesIO()
    np.save(stream, np.array(rows, np.float32))
    return Body(stream.getvalue(), NPY_MEDIA_TYPE, {"Accept": NPY_MEDIA_TYPE})


def as_v2(rows: Rows) -> Body:
    """Rows of features in the Open Inference Protocol."""
    data = [value for row in rows for value in row]
    return Body(json.dumps({"inputs": [{**_tensor(rows), "data": data}]}).encode(), JSON_MEDIA_TYPE)


def as_v2_binary(rows: Rows) -> Body:
    """The same as a binary tensor, answered in kind."""
    tensor = np.array(rows, np.float32).tobytes()
    input_ = {**_tensor(rows), "parameters": {"binary_data_size": len(tensor)}}
    output = {"name": "prediction", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [input_], "outputs": [output]}).encode()
    return Body(head + tensor, BINARY_MEDIA_TYPE, {HEADER_LENGTH_HEADER: str(len(head))})


def _tensor(rows: Rows) -> dict[str, object]:
    return {"name": "features", "shape": [len(rows), len(rows[0])], "datatype": "FP32"}
