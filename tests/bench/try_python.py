"""Serve the newest release's Bento by this interpreter, and compare its predictions with the saved ones.

Run: make try-python PYTHON=/path/to/python3.13, which gives that interpreter an environment with the locked packages of
the service and runs the unit tests that need no others first. Training, the load test and PyTorch are not tried.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import bentoml
import numpy as np

from loadtest.target.catalogue import read_catalogue, read_examples
from loadtest.target.server import PROJECT, link_models, serve
from service.contract.routes import predict_method

TOLERANCE = 1e-5
"""Between two processors: their matrix products add in different orders."""


def main(builder: str) -> None:
    """Build by another interpreter, as a Bento usually is; serve by this one; ask every architecture."""
    with tempfile.TemporaryDirectory(prefix="archscale-python-") as folder:
        home = Path(folder) / "home"
        link_models(home)
        command = [builder, "-m", "bentoml", "build", "--output", "tag"]
        built = subprocess.run(command, cwd=PROJECT, env={**os.environ, "BENTOML_HOME": str(home)}, check=False)
        if built.returncode:
            sys.exit(built.returncode)
        tag = f"archscale:{(home / 'bentos/archscale/latest').read_text().strip()}"
        with serve(home, tag, log=Path(folder) / "serve.log") as server, bentoml.SyncHTTPClient(server.url) as client:
            for architecture in read_catalogue(server.url).cards:
                rows = read_examples(server.url, architecture).rows
                answer = getattr(client, predict_method(architecture))(features=rows.features)
                np.testing.assert_allclose(answer["predictions"], rows.prediction, atol=TOLERANCE)
                print(f"Python {platform.python_version()}: {architecture} predicts what it was saved with.")


if __name__ == "__main__":
    main(sys.argv[1])
