"""How a container of the image starts, ends, and refuses: probes, signals, and one line for each bad input."""

import os
import re
import shutil
import socket
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from service.access.key_file import append_key, make_key
from service.contract.card import ModelCard
from service.web.metrics_folder import FILE_BYTES
from tests.commands import bentoml as run_bentoml
from tests.container import Container, refusal, running
from tests.flow.cases import NPY, npy
from tests.kubernetes import DEPLOYED, USER, Rendered, render
from tests.patience import PATIENCE_SECONDS, get
from tests.podman import Podman

pytestmark = pytest.mark.slow

LOAD_THREADS = 8
ANSWERS_BEFORE_TERM = 200


def test_the_health_check_tells_the_truth(podman: Podman, image: str) -> None:
    with running(podman, image, "--cpus=1") as container:
        assert container.healthy()
        (worker,) = container.workers
        worker.suspend()
        assert not container.healthy()
        worker.resume()
        assert container.healthy()


def test_a_killed_worker_is_replaced(podman: Podman, image: str) -> None:
    with running(podman, image, "--cpus=1") as container:
        (worker,) = container.workers
        worker.kill()
        psutil.wait_procs([worker], timeout=PATIENCE_SECONDS)
        container.wait_until("ready again")
        assert [replacement.pid for replacement in container.workers] != [worker.pid]


def test_a_disk_that_fills_takes_nothing_from_what_is_served(
    podman: Podman, image: str, cards: dict[str, ModelCard]
) -> None:
    body, headers = npy(cards["large"].examples.features), {"Content-Type": NPY}
    with running(podman, image, "--cpus=1", "--tmpfs=/tmp:size=24m") as container:
        workers = [worker.pid for worker in container.workers]
        assert "No space left" in container.execute("sh", "-c", "cat /dev/zero 2>&1 > /tmp/filling || true")
        for path, status in (("/predict/large", 200), ("/predict/small", 200), ("/transform", 422), ("/nothing", 404)):
            answer = httpx.post(container.url + path, content=body, headers=headers, timeout=PATIENCE_SECONDS)
            assert answer.status_code == status
        counted = httpx.get(f"{container.url}/metrics", timeout=PATIENCE_SECONDS).text
        assert 'route="transform",status="422"' in counted
        assert [worker.pid for worker in container.workers] == workers
        sizes = container.execute("sh", "-c", "stat --format %s /tmp/bentoml/archscale-metrics/*/*.db")
        assert set(sizes.split()) == {str(FILE_BYTES)}


def ask_until_refused(url: str, body: bytes, enough: threading.Event, outcomes: Counter[str]) -> None:
    """One user: ask again and again on one connection, until the service takes no more connections."""
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        while True:
            try:
                answer = client.post("/predict/large", content=body, headers={"Content-Type": NPY})
            except httpx.ConnectError:
                return
            except httpx.TransportError:
                outcomes["lost"] += 1
                continue
            outcomes["answered" if answer.status_code == 200 else "failed"] += 1
            if outcomes["answered"] >= ANSWERS_BEFORE_TERM:
                enough.set()


def test_sigterm_under_load_answers_what_it_has_taken(podman: Podman, image: str, cards: dict[str, ModelCard]) -> None:
    body, enough, outcomes = npy(cards["large"].examples.features), threading.Event(), Counter[str]()
    with running(podman, image, ARCHSCALE_DRAIN_SECONDS="1") as container:
        arguments = (container.url, body, enough, outcomes)
        users = [threading.Thread(target=ask_until_refused, args=arguments) for _ in range(LOAD_THREADS)]
        for user in users:
            user.start()
        assert enough.wait(PATIENCE_SECONDS)
        assert container.stop() == 0
        for user in users:
            user.join(PATIENCE_SECONDS)
    assert (outcomes["failed"], outcomes["lost"]) == (0, 0), outcomes


def test_a_memory_limit_that_is_too_low_is_named(podman: Podman, image: str) -> None:
    for limit, workers in (("48m", "1"), ("300m", "4")):
        line = refusal(podman, image, f"--memory={limit}", ARCHSCALE_WORKERS=workers)
        assert re.search(rf"at least \d+ MiB for [1{workers}] worker.*however: {limit[:-1]} MiB", line)


def test_another_release_is_named_with_the_one_there_is(podman: Podman, image: str, release: str) -> None:
    line = refusal(podman, image, ARCHSCALE_RELEASE="20200101t000000-abcdef")
    assert release in line
    assert "20200101t000000-abcdef" in line


def test_a_folder_that_must_be_writable_is_named(podman: Podman, image: str) -> None:
    assert "/tmp/bentoml: Read-only" in refusal(podman, image, "--read-only", "--read-only-tmpfs=false")


def test_a_port_in_use_is_named(podman: Podman, image: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}: Address already in use" in refusal(podman, image, BENTOML_PORT=port)


def test_a_setting_that_is_unknown_or_unusable_is_named(podman: Podman, image: str) -> None:
    assert "ARCHSCALE_WORKER. Correct or unset it" in refusal(podman, image, ARCHSCALE_WORKER="2")
    assert "BENTOML_PORT" in refusal(podman, image, BENTOML_PORT="http")


@pytest.fixture(scope="module")
def replica() -> Rendered:
    """What Kubernetes would start."""
    return render(DEPLOYED / "overlays/both")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The folder of a Secret that is not there yet; pytest's own is closed to other users."""
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o755)
    return folder


def mount_keys(secret: Path, replica: Rendered) -> str:
    """Return the option that mounts a Secret's folder where the replica has its own."""
    (mount,) = (mount for mount in replica.container["volumeMounts"] if mount["name"] == "keys")
    return f"--volume={secret}:{mount['mountPath']}:ro"


def write_secret(secret: Path, version: str) -> str:
    """Write a new key as the kubelet does, root's and for the group of the pod to read; return it.

    The file of a Secret's folder links to one in ``..data``, which links to the folder of the newest version.
    """
    key, folder = make_key(), secret / f"..{version}"
    folder.mkdir()
    append_key(folder / "keys.txt", "alice", key)
    os.chown(folder / "keys.txt", 0, USER)
    (folder / "keys.txt").chmod(0o440)
    (secret / "..new").symlink_to(folder.name)
    (secret / "..new").rename(secret / "..data")
    if not (secret / "keys.txt").is_symlink():
        (secret / "keys.txt").symlink_to("..data/keys.txt")
    return key


def ask_with(container: Container, key: str) -> int:
    return get(f"{container.url}/models", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_secret_of_keys_is_read_and_read_again(podman: Podman, image: str, replica: Rendered, secret: Path) -> None:
    old = write_secret(secret, "1")
    variables = {"ARCHSCALE_KEYS_FILE": replica.environment["ARCHSCALE_KEYS_FILE"]}
    with running(podman, image, "--cpus=1", mount_keys(secret, replica), **variables) as container:
        assert ask_with(container, old) == 200
        new = write_secret(secret, "2")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ask_with(container, new) != 200:
            assert time.monotonic() < deadline
        assert ask_with(container, old) == 401


def test_a_secret_that_is_missing_and_a_wrong_architecture_are_named(
    podman: Podman, image: str, replica: Rendered, secret: Path
) -> None:
    file = replica.environment["ARCHSCALE_KEYS_FILE"]
    line = refusal(podman, image, mount_keys(secret, replica), ARCHSCALE_KEYS_FILE=file)
    assert f"{file}: No such file or directory. Make a key with" in line
    assert "(small, large), however: 'smal'" in refusal(podman, image, ARCHSCALE_ARCHITECTURES="smal")


@pytest.mark.parametrize("settings", [{}, {"ARCHSCALE_RELEASE": "20200101t000000-abcdef"}])
def test_no_bento_is_built_without_its_release(tmp_path: Path, settings: dict[str, str]) -> None:
    built = run_bentoml("build", home=tmp_path, **settings)
    assert built.returncode == 2
    (line,) = built.stderr.strip().splitlines()
    assert "python -m training" in line or "bentoml models list" in line


def test_a_package_whose_hash_is_wrong_is_not_installed(podman: Podman, image: str, image_home: Path) -> None:
    wheel = next(podman.wheels.glob("a2wsgi-*.whl"))
    kept = shutil.copy(wheel, podman.folder)
    with zipfile.ZipFile(wheel, "a") as changed:
        changed.writestr("a2wsgi/added.py", "")
    options = ("--backend", "podman", *podman.build_options, "--opt", "no-cache")
    bento = image.rpartition("/")[2]
    built = run_bentoml("containerize", bento, *options, home=image_home, **podman.environment)
    shutil.copy(kept, wheel)
    assert built.returncode != 0
    assert "Hash mismatch for `a2wsgi" in built.stdout + built.stderr
