"""MLServer and ONNX Runtime, in its own protocol (V2). Run with the port; it writes its settings beside itself."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Predict(MLModel):
    """A custom runtime."""

    async def load(self) -> bool:
        """Open the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["NETWORK"], options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict."""
        features = NumpyCodec.decode_input(payload.inputs[0])
        predictions = self.session.run(None, {"features": features})[0]
        outputs = [NumpyCodec.encode_output("predictions", predictions)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def main() -> None:
    """Write the settings into a folder and start MLServer there."""
    with tempfile.TemporaryDirectory() as folder:
        port = int(sys.argv[1])
        settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
        # No second process, no access log (``debug``), no compression, no metrics of every request.
        settings |= {"parallel_workers": 0, "debug": False, "gzip_enabled": False, "metrics_endpoint": None}
        Path(folder, "settings.json").write_text(json.dumps(settings))
        model = {"name": "network", "implementation": "tests.bench.peers.with_mlserver.Predict"}
        Path(folder, "model-settings.json").write_text(json.dumps(model))
        process = subprocess.Popen([Path(sys.executable).with_name("mlserver"), "start", folder])
        try:
            process.wait()
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
