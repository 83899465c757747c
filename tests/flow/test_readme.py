"""What the README shows is run as it stands."""

import re
import subprocess
import sys

import pytest

from loadtest.target.server import Server
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

README = (ROOT / "README.md").read_text()
URL = "http://127.0.0.1:3000"
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CURL = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if block.startswith("curl")]


def run(command: list[str]) -> str:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("code", PYTHON, ids=["json", "npy", "bentoml", "tritonclient"])
def test_the_python_of_the_readme_runs(service: Server, release: str, code: str) -> None:
    assert release in run([sys.executable, "-c", code.replace(URL, service.url)])


@pytest.mark.parametrize("code", CURL)
def test_the_shell_of_the_readme_runs(service: Server, release: str, code: str) -> None:
    ready = code.replace(URL, service.url).replace("python", sys.executable)
    assert release in run(["bash", "-o", "pipefail", "-c", ready])


def test_the_readme_names_every_file_and_no_other() -> None:
    _, _, rest = README.partition("## Files")
    tree = rest.split("```")[1]
    for folder in ("service", "training", "loadtest"):
        section = re.search(rf"^{folder}/.*?(?=^\S|\Z)", tree, re.DOTALL | re.MULTILINE)
        assert section is not None
        named = set(re.findall(r"\w+\.py", section[0]))
        assert named == {path.name for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}
