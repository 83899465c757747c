"""`bentoml` and `python` as a user would call them, in the project's folder."""

import os
import subprocess
from pathlib import Path
from sys import executable

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parent.parent


def bentoml(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `bentoml` command in the project's folder until it ends."""
    return python("-m", "bentoml", *arguments, home=home, **environment)


def python(
    *arguments: str, home: Path, entered: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's folder until it ends. home: BENTOML_HOME; entered: on standard input."""
    return subprocess.run(
        [executable, *arguments],
        input=entered,
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
