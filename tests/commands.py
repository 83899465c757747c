"""`bentoml` as a user would call it, in the project's folder."""

import os
import subprocess
from pathlib import Path
from sys import executable

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent


def bentoml(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `bentoml` command in the project's folder until it ends."""
    return subprocess.run(
        [executable, "-m", "bentoml", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
