"""``make audit``: what pip-audit says, and what it could not find out. Here pip-audit is a stand-in."""

import json
import os
import re
import subprocess
from pathlib import Path
from sys import executable
from typing import Any

import pytest

from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

GOOD: dict[str, Any] = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD: dict[str, Any] = {"name": "aiohttp", "version": "3.14.5", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.14.6"]}]}
SKIPPED: dict[str, Any] = {"name": "uvloop", "skip_reason": "not found"}


def audit(tmp_path: Path, program: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "pip_audit.py").write_text(program)
    return subprocess.run(
        [executable, "deploy/audit.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([GOOD], 0, "no vulnerability is known in 1 packages"),
        ([GOOD, BAD], 1, "aiohttp 3.14.5: PYSEC-1, mended in 3.14.6"),
        ([GOOD, SKIPPED], 3, "could not check: nothing is said of 1 packages (uvloop, ...)"),
        ([SKIPPED, BAD], 1, "PYSEC-1"),
        ([], 3, ""),
    ],
)
def test_the_report_decides_the_exit_code(
    tmp_path: Path, packages: list[dict[str, Any]], code: int, words: str
) -> None:
    ended = audit(tmp_path, f"print({json.dumps(json.dumps({'dependencies': packages}))}); raise SystemExit(1)")
    assert ended.returncode == code, ended.stderr
    assert words in ended.stdout + ended.stderr


def test_no_answer_is_no_good_news(tmp_path: Path) -> None:
    ended = audit(tmp_path, "raise SystemExit('Name or service not known')")
    assert (ended.returncode, ended.stderr) == (3, "could not check: Name or service not known\n")


def test_all_that_the_service_installs_has_hashes() -> None:
    lock = (ROOT / "requirements/service.txt").read_text().replace("\\\n", " ")
    assert [line for line in lock.splitlines() if not re.search(r"==\S+.* --hash=sha256:[0-9a-f]{64}", line)] == []
