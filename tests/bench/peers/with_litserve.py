"""LitServe and ONNX Runtime, set up as its documentation does for production.

``fast_queue`` is its advice from 100 requests/s on; 0.2.19 takes it and uses the slower queue all the same.
"""

import os
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime
from fastapi import Request


class Predict(litserve.LitAPI):
    """The three steps that LitServe asks for."""

    def setup(self, device: str) -> None:
        """Open the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["NETWORK"], options)

    def decode_request(self, request: Request) -> Any:
        """Body to array."""
        return np.array(request["features"], np.float32)

    def predict(self, x: Any) -> Any:
        """Array to array."""
        return self.session.run(None, {"features": x})[0]

    def encode_response(self, output: Any) -> Any:
        """Array to body."""
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Predict(), accelerator="cpu", workers_per_device=1, timeout=30, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
        loop="uvloop",
        http="httptools",
    )
