"""What the image looks at before it serves, and how it looks whether it does."""

import math
import os
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service import __version__
from service.container import ContainerError, check_folder, check_memory, check_port, memory_limit, warn_of_bodies
from service.contract.memory import MIB
from service.image import HEALTH_CHECK, make_image
from tests.commands import ROOT


@pytest.mark.parametrize(
    ("file", "text", "limit"),
    [
        ("memory.max", "536870912\n", 512 * MIB),
        ("memory.max", "max\n", math.inf),
        ("memory/memory.limit_in_bytes", "536870912\n", 512 * MIB),
        ("elsewhere", "1\n", math.inf),
    ],
)
def test_the_memory_limit_is_that_of_either_version_of_control_groups(
    tmp_path: Path, file: str, text: str, limit: float
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert memory_limit(tmp_path) == limit


def test_every_worker_needs_its_memory() -> None:
    check_memory(512 * MIB, 2)
    check_memory(math.inf, 1000)
    with pytest.raises(ContainerError, match=r"for 3 worker\(s\), however: 512 MiB"):
        check_memory(512 * MIB, 3)


def test_a_folder_is_made_and_one_that_can_not_be_is_named(tmp_path: Path) -> None:
    check_folder(tmp_path / "new/home")
    assert list((tmp_path / "new/home").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ContainerError, match="BENTOML_HOME"):
        check_folder(tmp_path / "file")


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_what_is_no_port_is_named(port: str) -> None:
    with pytest.raises(ContainerError, match=f"127.0.0.1:{port}"):
        check_port("127.0.0.1", port)


@pytest.mark.parametrize("status", [200, 503])
def test_the_health_check_asks_the_service_itself_whatever_proxy_the_container_has(status: int) -> None:
    asked = []

    class Readiness(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Readiness) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        environment = {"BENTOML_PORT": str(server.server_port), "http_proxy": "http://127.0.0.1:9"}
        checked = subprocess.run([sys.executable, "-c", HEALTH_CHECK], env=os.environ | environment, check=False)
    assert (checked.returncode == 0, asked) == (status == 200, ["/readyz"])
    assert f'"{HEALTH_CHECK}"]' in "".join(make_image("release").post_commands)


def test_the_image_names_the_version_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
    assert f"image.version={__version__} " in "".join(make_image("release").post_commands)


def test_a_limit_that_the_largest_bodies_may_pass_is_told_of() -> None:
    assert warn_of_bodies(430 * MIB, 1, 4 * MIB) is None
    assert warn_of_bodies(math.inf, 8, 16 * MIB) is None
    warning = warn_of_bodies(429 * MIB, 1, 4 * MIB)
    assert warning is not None
    assert "(4 MiB) may take 430 MiB for 1 worker(s), however the memory limit is 429 MiB." in warning
    assert "--memory" in warning
