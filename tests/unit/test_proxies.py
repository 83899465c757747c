"""What the tests change of the proxies' configurations, and where there are none."""

import difflib
import os
import shutil
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.proxies import KINDS, configure, require


@pytest.mark.parametrize("name", KINDS)
def test_ports_and_paths_alone_differ_from_what_is_deployed(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    deployed = (ROOT / "deploy" / kind.configuration).read_text().splitlines()
    tested = configure(kind, 7000, (7001, 7002), tmp_path).splitlines()
    changed = [line for line in difflib.ndiff(deployed, tested) if line.startswith("+ ")]
    assert len(changed) == 3 + len(kind.own_files)
    assert [sum(f"127.0.0.1:{port}" in line for line in changed) for port in (7000, 7001, 7002)] == [1, 1, 1]


@pytest.mark.parametrize(("in_ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_proxy_a_test_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, in_ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", in_ci)
    monkeypatch.setattr(shutil, "which", lambda program: None if program == "nginx" else program)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(outcome, match="behind haproxy and nginx, however: no nginx"):
        require()
