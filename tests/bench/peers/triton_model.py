"""The model that Triton's Python backend loads: ONNX Runtime on one thread. ``with_triton`` copies it to its place."""

import os
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """Answers all requests that Triton hands over at once by one run of the graph."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["NETWORK"], options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Predict."""
        inputs = [triton.get_input_tensor_by_name(request, "features").as_numpy() for request in requests]
        features = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
        predictions = self.session.run(None, {"features": features})[0][:, None]
        responses, begin = [], 0
        for rows in map(len, inputs):
            output = triton.Tensor("prediction", predictions[begin : begin + rows])
            responses.append(triton.InferenceResponse([output]))
            begin += rows
        return responses
