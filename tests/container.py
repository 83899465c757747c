"""A running container of the image, with the restrictions that it is made for."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import psutil

from loadtest.target.server import WORKER_MODULE, free_port
from tests.patience import PATIENCE_SECONDS
from tests.podman import Podman

RESTRICTIONS = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m")


@dataclass(frozen=True)
class Container:
    """``name``: what podman calls it; ``url``: where it answers."""

    podman: Podman
    name: str
    url: str

    def inspect(self, what: str) -> str:
        """Return one value of ``podman inspect``, by its Go template."""
        return self.podman("inspect", "--format", f"{{{{{what}}}}}", self.name).strip()

    def execute(self, *command: str) -> str:
        """Run a command inside and return what it printed."""
        return self.podman("exec", self.name, *command).strip()

    def healthy(self) -> bool:
        """Run the image's own health check."""
        check = ("podman", "healthcheck", "run", self.name)
        return subprocess.run(check, env=self.podman.full_environment, capture_output=True, check=False).returncode == 0

    @cached_property
    def process(self) -> psutil.Process:
        """The first process of the container, seen from outside."""
        return psutil.Process(int(self.inspect(".State.Pid")))

    @property
    def workers(self) -> list[psutil.Process]:
        """Processes that answer requests."""
        return [child for child in self.process.children() if WORKER_MODULE in " ".join(child.cmdline())]

    def stop(self) -> int:
        """Send SIGTERM and return the exit code; podman kills what does not end by itself."""
        self.podman("stop", "--time", "30", self.name)
        return int(self.inspect(".State.ExitCode"))

    def wait_until(self, state: str) -> None:
        """Wait until ``/readyz`` says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            running = self.inspect(".State.Running") == "true"
            assert running, self.podman("logs", self.name)
            assert time.monotonic() < deadline, f"not {state} within {PATIENCE_SECONDS:g} s"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def running(podman: Podman, image: str, *options: str, **settings: str) -> Iterator[Container]:
    """Run ``image`` on a free port of 127.0.0.1 until it is ready, restricted; remove it afterwards."""
    port = str(free_port())
    environment = {"BENTOML_HOST": "127.0.0.1", "BENTOML_PORT": port, "ARCHSCALE_DRAIN_SECONDS": "0", **settings}
    flags = [f"--env={name}={value}" for name, value in environment.items()]
    name = f"archscale-{port}"
    podman("run", "--detach", f"--name={name}", "--network=host", *RESTRICTIONS, *options, *flags, image)
    try:
        container = Container(podman, name, f"http://127.0.0.1:{port}")
        container.wait_until("ready")
        yield container
    finally:
        podman("rm", "--force", "--time", "0", name)


def refusal(podman: Podman, image: str, *options: str, **settings: str) -> str:
    """Return the one line that a container says before it ends with an error."""
    flags = [f"--env={name}={value}" for name, value in {"BENTOML_HOST": "127.0.0.1", **settings}.items()]
    # Detached: podman 4.3 without systemd takes 20 s to see that an attached container has ended.
    name = f"archscale-refused-{free_port()}"
    podman("run", "--detach", f"--name={name}", "--network=host", *options, *flags, image)
    try:
        assert podman("wait", name).strip() == "2"
        (line,) = podman("logs", name).splitlines()
        return line
    finally:
        podman("rm", "--force", "--time", "0", name)


def labels(podman: Podman, image: str) -> dict[str, str]:
    """Labels of ``image``."""
    found: dict[str, str] = json.loads(podman("image", "inspect", "--format", "{{json .Labels}}", image))
    return found
