"""ASGI handlers that check nothing: orjson and ONNX Runtime, and NumPy's reader and ONNX Runtime for ``/npy``."""

import io
import os
from typing import Any

import numpy as np
import onnxruntime
import orjson

from tests.bench.peers.echo import answer, body_of

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["NETWORK"], options, providers=["CPUExecutionProvider"])


def predict(body: bytes) -> bytes:
    """JSON to JSON."""
    features = np.array(orjson.loads(body)["features"], np.float32)
    predictions = session.run(None, {"features": features})[0]
    return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)


def predict_npy(body: bytes) -> bytes:
    """``.npy`` to ``.npy``."""
    predictions = session.run(None, {"features": np.load(io.BytesIO(body))})[0]
    stream = io.BytesIO()
    np.save(stream, predictions)
    return stream.getvalue()


HANDLERS = {"/predict": predict, "/npy": predict_npy}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the path's handler makes of the body."""
    if scope["type"] == "http":
        await answer(send, HANDLERS[scope["path"]](await body_of(receive)))
