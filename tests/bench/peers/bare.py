"""The limit of this stack: ASGI handlers that check nothing.

``/echo`` answers at once, ``/predict`` is orjson and ONNX Runtime, ``/npy`` is NumPy's own reader and ONNX Runtime.
"""

import io
import os
from typing import Any

import numpy as np
import onnxruntime
import orjson

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


def echo(_: bytes) -> bytes:
    """Answer nothing."""
    return b"{}"


HANDLERS = {"/predict": predict, "/npy": predict_npy, "/echo": echo}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what the path's handler makes of the body."""
    if scope["type"] != "http":
        return
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    handler = HANDLERS.get(scope["path"])
    answer = b"{}" if handler is None else handler(b"".join(parts))
    length = str(len(answer)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
