"""The image of `make image`, built by podman and run as restricted as it may be."""

import hashlib
import json
import re
import shutil
import socket
import threading
import tomllib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from sys import executable
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from service.card import ModelCard
from tests.commands import ROOT
from tests.commands import bentoml as run_bentoml
from tests.container import Container, labels, refusal, running
from tests.flow.cases import FEATURES, NPY, RAW, npy
from tests.podman import Podman, private_podman, require, run

pytestmark = pytest.mark.slow

MB = 1_000_000
ARCHITECTURES = ("small", "large")
TOLERANCE = 1e-5
LOAD_THREADS = 8
ANSWERS_BEFORE_TERM = 200


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    require()
    with private_podman(tmp_path_factory.mktemp("podman")) as podman:
        yield podman


@pytest.fixture(scope="module")
def image_home(podman: Podman, store: Callable[[], Path]) -> Path:
    return store()


@pytest.fixture(scope="module")
def made(podman: Podman, image_home: Path) -> str:
    """What `make image` printed."""
    return run(
        "make",
        "--assume-old=.venv/.installed",
        f"BIN={Path(executable).parent}",
        "ENGINE=podman",
        f"IMAGE_OPTIONS={' '.join(podman.build_options)}",
        "image",
        **podman.environment,
        BENTOML_HOME=str(image_home),
    )


@pytest.fixture(scope="module")
def image(made: str, image_home: Path) -> str:
    """Name of the image."""
    version = (image_home / "bentos/archscale/latest").read_text().strip()
    return f"localhost/archscale:{version}"


@pytest.fixture(scope="module")
def container(podman: Podman, image: str) -> Iterator[Container]:
    """One container with the defaults, for all tests that only ask."""
    with running(podman, image) as container:
        yield container


@pytest.fixture(scope="module")
def client(container: Container) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=container.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def cards(home: Path, release: str) -> dict[str, ModelCard]:
    """What training wrote, to be compared with what the container answers."""
    folders = {name: home / f"models/archscale-{name}" / release for name in ARCHITECTURES}
    return {
        name: ModelCard.model_validate_json((folder / "card.json").read_bytes()) for name, folder in folders.items()
    }


def close(actual: Any, expected: Any) -> bool:
    actual, expected = np.asarray(actual), np.asarray(expected)
    return bool((np.abs(actual - expected) <= TOLERANCE * (1 + np.abs(expected))).all())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_predict_route_answers_the_golden_rows(
    client: httpx.Client, cards: dict[str, ModelCard], architecture: str, release: str
) -> None:
    golden = cards[architecture].examples
    route = f"/predict/{architecture}"
    answers = [
        client.post(route, json={"features": golden.features}),
        client.post(route, content=npy(golden.features), headers={"Content-Type": NPY}),
        client.post(f"{route}/raw", json={"raw": golden.raw}),
    ]
    for answer in answers:
        assert close(answer.json()["predictions"], golden.prediction)
        assert answer.json()["release"] == answer.headers["X-Archscale-Release"] == release


def test_transform_trace_and_models_answer_the_golden_rows(client: httpx.Client, cards: dict[str, ModelCard]) -> None:
    golden = cards["large"].examples
    assert close(client.post("/transform", json={"raw": golden.raw}).json()["features"], golden.features)
    trace = client.post("/trace/large", json={"raw": golden.raw[:1]}).json()
    assert close(trace["output"], golden.prediction[0])
    assert list(client.get("/models").json()["models"]) == list(ARCHITECTURES)
    assert client.get("/models/large/examples").json()["prediction"] == golden.prediction


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/docs.json", "/schema.json"])
def test_bentomls_own_routes_answer(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_broken_rule_is_refused(client: httpx.Client) -> None:
    assert client.post("/predict/small", json={"features": [[0.5] * (FEATURES - 1)]}).status_code == 422
    assert client.post("/transform", json={"raw": [[None] * RAW]}).json()["column"] == 0


def test_metrics_count_the_requests_of_all_workers(client: httpx.Client, release: str) -> None:
    def counted() -> float:
        series = [
            line for line in client.get("/metrics").text.splitlines() if line.startswith("archscale_requests_total")
        ]
        return sum(float(line.split()[-1]) for line in series if f'release="{release}"' in line)

    before = counted()
    for _ in range(10):
        client.post("/predict/small", json={"features": []})
    assert counted() == before + 10


def test_it_runs_as_nobody_in_particular_and_may_do_nothing_else(container: Container) -> None:
    status = container.execute("cat", "/proc/1/status")
    assert container.execute("id", "--user") == "1034"
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert "Read-only" in container.execute("sh", "-c", "touch /home/bentoml/bento/new 2>&1 || true")


def test_the_service_is_the_first_process_and_has_a_worker_for_each_processor(podman: Podman, image: str) -> None:
    with running(podman, image, "--cpus=1") as container:
        assert "bentoml serve" in " ".join(container.process.cmdline())
        assert len(container.workers) == 1


def test_a_worker_takes_160_megabytes_at_most(client: httpx.Client, container: Container) -> None:
    rows = [[0.5] * FEATURES] * 1000
    assert client.post("/predict/large", content=npy(rows), headers={"Content-Type": NPY}).status_code == 200
    assert max(worker.memory_info().rss for worker in container.workers) <= 160 * MB


def test_the_image_holds_the_service_and_no_tools(podman: Podman, image: str, container: Container) -> None:
    find = "import importlib.util as u, sys; print([one for one in sys.argv[1:] if u.find_spec(one)])"
    libraries = ("torch", "sklearn", "pandas", "scipy", "onnx", "locust", "training", "loadtest", "uv")
    assert container.execute("python", "-c", find, *libraries) == "[]"
    tools = "for one in gcc cc g++ make git uv curl; do command -v $one; done; true"
    assert container.execute("sh", "-c", tools) == ""
    assert int(podman("image", "inspect", "--format", "{{.Size}}", image)) <= 450 * MB


def test_the_packages_are_those_of_the_lock(container: Container) -> None:
    listing = (
        "import importlib.metadata as m; print(*sorted(f'{d.name}=={d.version}'.lower() for d in m.distributions()))"
    )
    locked = re.findall(r"^(\S+==\S+) ", (ROOT / "requirements/service.txt").read_text(), re.MULTILINE)
    installed = re.sub(r"[-_.]+(?=[^ ]*==)", "-", container.execute("python", "-c", listing)).split()
    assert set(installed) <= set(locked)
    assert {"bentoml==1.4.39"} <= set(installed)


def test_the_models_are_those_of_the_store(container: Container, home: Path, release: str) -> None:
    digests = container.execute("sh", "-c", "cd models && find . -type f -name '*.onnx' -exec sha256sum {} +")
    packed = {path.removeprefix("./"): digest for digest, path in map(str.split, digests.splitlines())}
    assert len(packed) == 7
    for path, digest in packed.items():
        assert hashlib.sha256((home / "models" / path).read_bytes()).hexdigest() == digest


def test_labels_say_what_it_is_made_of(podman: Podman, image: str, release: str) -> None:
    found = labels(podman, image)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert found["archscale.release"] == release
    assert found["org.opencontainers.image.version"] == version
    assert found["org.opencontainers.image.revision"] == run("git", "rev-parse", "HEAD").strip()


def test_make_image_prints_what_is_in_it_and_writes_an_sbom(made: str, image: str, release: str) -> None:
    assert re.search(r"^ +[\d.]+  onnxruntime ", made, re.MULTILINE)
    assert re.search(r"^ +[\d.]+  in all$", made, re.MULTILINE)
    bom = json.loads((ROOT / "sbom.json").read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert image.endswith(bom["metadata"]["component"]["version"])
    purls = {one.get("purl") for one in bom["components"]}
    assert "pkg:pypi/bentoml@1.4.39" in purls
    assert any(purl and purl.startswith("pkg:deb/debian/libc6@") for purl in purls)
    models = {one["name"]: one for one in bom["components"] if one["type"] == "machine-learning-model"}
    assert models["archscale-large"]["version"] == release
    assert all(file["hashes"][0]["alg"] == "SHA-256" for file in models["archscale-large"]["components"])


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
        psutil.wait_procs([worker], timeout=5)
        container.wait_until("ready again")
        assert [one.pid for one in container.workers] != [worker.pid]


def ask_until_refused(url: str, body: bytes, enough: threading.Event, outcomes: Counter[str]) -> None:
    """One user: ask again and again on one connection, until the service takes no more connections."""
    with httpx.Client(base_url=url, timeout=30) as client:
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
    with running(podman, image) as container:
        arguments = (container.url, body, enough, outcomes)
        users = [threading.Thread(target=ask_until_refused, args=arguments) for _ in range(LOAD_THREADS)]
        for user in users:
            user.start()
        assert enough.wait(30)
        assert container.stop() == 0
        for user in users:
            user.join(30)
    assert outcomes["failed"] == 0
    # A connection that is closed while its next request is on the way: one for each user, at most.
    assert outcomes["lost"] <= LOAD_THREADS, outcomes


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
    options = (*podman.build_options, "--opt", "no-cache", "-t", "localhost/changed:latest")
    backend = ("--backend", "podman")
    built = run_bentoml(
        "containerize", image.rpartition("/")[2], *backend, *options, home=image_home, **podman.environment
    )
    shutil.copy(kept, wheel)
    assert built.returncode != 0
    assert "Hash mismatch for `a2wsgi" in built.stdout + built.stderr
