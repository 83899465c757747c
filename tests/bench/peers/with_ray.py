"""Ray Serve and ONNX Runtime: one replica, in the mode that its documentation names for throughput. Run with the port.

In that mode a replica answers HTTP on a port of its own, which is asked here: on one processor it was slower by far
with Ray's own proxy before it, and slower with HAProxy, which the documentation advises (Ray 2.60).
"""

import os
import sys

PORT = int(sys.argv[1]) if __name__ == "__main__" else 0
SETTINGS = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(PORT),
    "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(PORT + 1),
    "RAY_USAGE_STATS_ENABLED": "0",
}
os.environ |= SETTINGS  # read at import, here and in Ray's processes, which inherit them

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import orjson  # noqa: E402
import ray  # noqa: E402
from ray import serve  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import Response  # noqa: E402

QUIET = {"enable_access_log": False, "log_level": "ERROR"}


@serve.deployment(num_replicas=1, max_ongoing_requests=1000, logging_config=QUIET)
class Predict:
    """JSON to JSON."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["NETWORK"], options, providers=["CPUExecutionProvider"])

    async def __call__(self, request: Request) -> Response:
        """Predict."""
        features = np.array(orjson.loads(await request.body())["features"], np.float32)
        predictions = self.session.run(None, {"features": features})[0]
        body = orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(body, media_type="application/json")


def main() -> None:
    """Start Ray and Serve, and keep them until a signal comes."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    serve.run(Predict.bind(), route_prefix="/predict", blocking=True)  # type: ignore[attr-defined]  # Ray decorates it


if __name__ == "__main__":
    main()
