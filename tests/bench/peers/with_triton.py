"""Triton with its Python backend and ONNX Runtime, in its own protocol (V2): the server that nvidia-pytriton carries.

Run with the port and, for dynamic batching, ``batching``. The wheel (0.7.0) keeps a stub of the backend for each
version of Python where the server does not look; the stub finds this environment's packages by PATH.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

MODEL = "network"
CONFIGURATION = """
backend: "python"
max_batch_size: 4096
input [{{ name: "features", data_type: TYPE_FP32, dims: [{features}] }}]
output [{{ name: "prediction", data_type: TYPE_FP32, dims: [1] }}]
instance_group [{{ count: 1, kind: KIND_CPU }}]
"""
BATCHING = "dynamic_batching { }\n"
HTTP_THREADS = 2
"""On one processor: one thread was slower."""


def make_repository(folder: Path, *, batching: bool) -> None:
    """Write a repository of one model."""
    code = folder / MODEL / "1" / "model.py"
    code.parent.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("triton_model.py"), code)
    configuration = CONFIGURATION.format(features=os.environ["FEATURES"])
    (folder / MODEL / "config.pbtxt").write_text(configuration + (BATCHING if batching else ""))


def find_server() -> Path:
    """Return the folder of the server, with its backend complete."""
    found = find_spec("pytriton")
    assert found is not None
    assert found.origin is not None
    server = Path(found.origin).with_name("tritonserver")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = "triton_python_backend_stub"
    shutil.copy(server / "python_backend_stubs" / version / stub, server / "backends/python" / stub)
    return server


def main() -> None:
    """Serve until a signal comes."""
    server = find_server()
    with tempfile.TemporaryDirectory() as folder:
        make_repository(Path(folder), batching="batching" in sys.argv[2:])
        command = [str(server / "bin/tritonserver"), "--model-repository", folder]
        command += ["--backend-directory", str(server / "backends"), "--http-address", "127.0.0.1"]
        command += ["--http-port", sys.argv[1], "--http-thread-count", str(HTTP_THREADS)]
        command += ["--allow-grpc", "false", "--allow-metrics", "false"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(command, env={**os.environ, "PATH": path})
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        process.wait()


if __name__ == "__main__":
    main()
