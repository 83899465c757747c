"""Bodies of the Open Inference Protocol, for an input of three features and at most four rows."""

import json

import numpy as np

from service.codec.infer_request import Reader
from service.codec.rows import Input, Rows, features_input

NAMES = ("height", "width", "depth")
FEATURES = features_input(NAMES, max_rows=4)
WELL = {"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
GOOD = [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]
FLAT = [value for row in GOOD for value in row]


def body(data: object, shape: object = (2, 3), **members: object) -> bytes:
    """JSON of a request for FEATURES whose input has this data, or these other members."""
    tensor = {"name": "features", "datatype": "FP32", "shape": shape, "data": data, **members}
    return json.dumps({"inputs": [tensor]}).encode()


def binary(array: np.ndarray, **members: object) -> tuple[bytes, bytes]:
    """Body and header length of a request with a binary tensor, or these other members."""
    tensor: dict[str, object] = {"name": "features", "datatype": "FP32", "shape": array.shape}
    tensor |= {"parameters": {"binary_data_size": array.nbytes}, **members}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + array.tobytes(), str(len(head)).encode()


def read(data: bytes, header_length: bytes | None = None, expected: Input = FEATURES) -> Rows:
    return Reader(expected).read(data, header_length).rows
