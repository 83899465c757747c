"""The load generator's image: built, and run as a master and two workers. Run: python -m tests.bench.generator_image.

Needs root, podman, runc and mmdebstrap, as the tests of the service's image do, and two processors. Takes three
minutes, most of them to build. Exit code 1: the run of the three containers was not one valid load.
"""

import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.record.results_file import load_results
from loadtest.study.machine import available
from loadtest.target.server import free_port
from tests.bench.known import serve_known
from tests.bench.known_server import AT_ONCE
from tests.commands import ROOT
from tests.container import RESTRICTIONS
from tests.podman import Podman, private_podman, run

DOCKERFILE = ROOT / "deploy/loadtest/Dockerfile"
IMAGE = "localhost/archscale-loadtest"
LOAD = ("--architecture", AT_ONCE, "--rate", "100", "--seconds", "5", "--warm-up", "1")
BYTES_IN_MB = 1e6


def main() -> None:
    """Build, load, print the verdict."""
    with tempfile.TemporaryDirectory() as folder, private_podman(Path(folder)) as podman:
        build(podman)
        size = int(podman("image", "inspect", "--format", "{{.Size}}", IMAGE))
        print(f"size: {size / BYTES_IN_MB:.0f} MB")
        with serve_known(available()[0]) as host:
            code = load_from_containers(podman, host, Path(folder) / "results")
    sys.exit(code)


def build(podman: Podman) -> None:
    """Build the image without a network: its packages come from a folder that this machine's pip has filled."""
    constraints = ("--constraint", "requirements/dev.txt")
    run(
        sys.executable, "-m", "pip", "download", "--quiet", *constraints, *read_packages(), "--dest", str(podman.wheels)
    )
    volume = f"{podman.wheels.parent}:/etc/xdg:ro"
    options = ("--format=docker", "--network=none", f"--volume={volume}", f"--file={DOCKERFILE}", f"--tag={IMAGE}")
    podman("build", "--quiet", *options, str(ROOT))


def read_packages() -> list[str]:
    """Return the requirements that the image installs: a dependency group, and what its Dockerfile names."""
    group: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["loadtest"]
    (named,) = re.findall(r"^ +(httptools .*) &&", DOCKERFILE.read_text(), re.MULTILINE)
    return [*group, *named.split()]


def load_from_containers(podman: Podman, host: str, results: Path) -> int:
    """Run a master and two workers, print what the master said, and return its exit code."""
    results.mkdir()
    results.chmod(0o777)
    port = str(free_port())
    conf = f"{ROOT / 'deploy/loadtest/locust.conf'}:/etc/loadtest/locust.conf:ro"
    worker = ("--worker", "--headless", "--master-host", "127.0.0.1", "--master-port", port)
    master = ("--master", "--master-bind-port", port, "--config", "/etc/loadtest/locust.conf", "--host", host, *LOAD)
    volumes = (f"--volume={conf}", f"--volume={results}:/results")
    with (
        started(podman, "worker-1", (), worker),
        started(podman, "worker-2", (), worker),
        started(podman, "master", volumes, master) as name,
    ):
        code = int(podman("wait", name))
        print(podman("logs", name))
    settings = load_results(results).settings
    print(f"{settings.processes} generators, exit code {code}")
    return code


@contextmanager
def started(podman: Podman, name: str, options: tuple[str, ...], words: tuple[str, ...]) -> Iterator[str]:
    """Run a container meanwhile."""
    name = f"archscale-loadtest-{name}"
    podman("run", "--detach", f"--name={name}", "--network=host", *RESTRICTIONS, *options, IMAGE, *words)
    try:
        yield name
    finally:
        podman("rm", "--force", "--time", "0", name)


if __name__ == "__main__":
    main()
