"""What the Makefile promises beyond its commands."""

import os
import re
import subprocess
from pathlib import Path

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def make(target: str, folder: Path) -> str:
    # `make test` runs this: a make within make would take over its flags, and say which folder it enters.
    command = ["make", "--no-print-directory", "--file", str(MAKEFILE), target]
    environment = {**os.environ, "MAKEFLAGS": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_help_shows_every_target(tmp_path: Path) -> None:
    targets = " ".join(re.findall(r"^\.PHONY: (.*)$", MAKEFILE.read_text(), re.MULTILINE)).split()
    shown = [line.split()[0] for line in make("help", tmp_path).splitlines()]
    assert sorted(shown) == sorted(targets)


def test_clean_keeps_measured_results(tmp_path: Path) -> None:
    results = tmp_path / "results/results.json"
    results.parent.mkdir()
    results.touch()
    make("clean", tmp_path)
    assert results.exists()
