"""Podman without a daemon, a registry or a network: storage of its own, and a stand-in for the image's base.

The stand-in is Debian's Python in the place of the public Python image. The build reads its packages from a folder
that this machine's pip has filled, so that the image is made as anywhere else, wherever packages come from here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.image import BASE_IMAGE, INSTALLER
from tests.commands import ROOT
from tests.patience import PATIENCE_SECONDS

TOOLS = ("podman", "runc", "mmdebstrap")
PACKAGES = "passwd,libstdc++6,python3,python3-pip"
# Debian refuses pip outside virtual environments; the rest is in no slim image either.
NOT_IN_A_SLIM_IMAGE = (
    "usr/lib/python3.11/EXTERNALLY-MANAGED usr/share/doc usr/share/locale usr/share/man usr/share/perl usr/lib/*/perl"
)
# Limits may not be raised, and control groups be hybrid, where tests run.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
# Read by pip and uv from /etc/xdg.
SOURCES = {
    "pip/pip.conf": "[global]\nno-index = true\nfind-links = /etc/xdg/wheels\n",
    "uv/uv.toml": 'no-index = true\nfind-links = ["/etc/xdg/wheels"]\n',
}
STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


def require() -> None:
    """Skip with one line where images can't be built; fail in continuous integration, where they must be."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None] + ["root"] * (os.geteuid() != 0)
    if missing:
        reason = f"the image is built by root with {', '.join(TOOLS)}, however: no {missing[0]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command that must succeed in the project's folder, and return what it printed."""
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout + ended.stderr


@dataclass(frozen=True)
class Podman:
    """A podman whose images and containers lie in ``folder`` and go with it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str) -> str:
        """Run ``podman arguments``, which must succeed, and return what it printed."""
        return run("podman", *arguments, environment=self.environment)

    @property
    def full_environment(self) -> dict[str, str]:
        """Environment of a command that calls podman."""
        return {**os.environ, **self.environment}

    @property
    def build_options(self) -> tuple[str, ...]:
        """Options of ``bentoml containerize``: no network; a folder of packages, and pip's and uv's settings."""
        return ("--opt", "network=none", "--opt", f"volume={self.folder / 'xdg'}:/etc/xdg:ro")

    @property
    def wheels(self) -> Path:
        """The folder of packages that builds read."""
        return self.folder / "xdg/wheels"


@contextmanager
def private_podman(folder: Path) -> Iterator[Podman]:
    """Make a podman in ``folder`` with the stand-in base and the packages; leave nothing behind."""
    (folder / "containers.conf").write_text(CONTAINERS_CONF)
    (folder / "storage.conf").write_text(STORAGE_CONF.format(folder=folder))
    environment = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }
    podman = Podman(folder, environment)
    try:
        _fill(podman.wheels)
        _import_base(podman)
        yield podman
    finally:
        for leftover in (["rm", "--all", "--force", "--time", "0"], ["rmi", "--all", "--force"]):
            subprocess.run(
                ["podman", *leftover],
                env={**os.environ, **environment},
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        subprocess.run(["umount", "--lazy", str(folder / "storage/overlay")], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _fill(wheels: Path) -> None:
    wheels.mkdir(parents=True)
    (wheels / "installer.txt").write_text(INSTALLER)
    locks = ("--requirement", "requirements/service.txt", "--requirement", str(wheels / "installer.txt"))
    only = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--quiet")
    run(sys.executable, "-m", "pip", "download", *only, *locks, "--dest", str(wheels))
    for tool, settings in SOURCES.items():
        path = wheels.parent / tool
        path.parent.mkdir()
        path.write_text(settings)


def _import_base(podman: Podman) -> None:
    base = podman.folder / "base.tar"
    trim = f'cd "$1" && rm -r {NOT_IN_A_SLIM_IMAGE}'
    run(
        "mmdebstrap",
        "--quiet",
        "--variant=essential",
        f"--include={PACKAGES}",
        f"--customize-hook={trim}",
        "bookworm",
        str(base),
    )
    podman("import", "--quiet", str(base), f"localhost/{BASE_IMAGE}")
    base.unlink()
