"""The image of `make image`, built by podman and run as restricted as it may be."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.contract.card import ModelCard
from tests.commands import ROOT
from tests.container import Container, labels, running
from tests.flow.cases import FEATURES, NPY, RAW, npy
from tests.patience import PATIENCE_SECONDS, post
from tests.podman import Podman, run

pytestmark = pytest.mark.slow

MB = 1_000_000
ARCHITECTURES = ("small", "large")
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def container(podman: Podman, image: str) -> Iterator[Container]:
    """One container with the defaults, for all tests that only ask."""
    with running(podman, image) as container:
        yield container


@pytest.fixture(scope="module")
def client(container: Container) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=container.url, timeout=PATIENCE_SECONDS) as client:
        yield client


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


@pytest.mark.parametrize(("model", "name", "datatype"), [("large", "features", "FP32"), ("small-raw", "raw", "FP64")])
def test_the_open_inference_protocol_answers_the_golden_rows(
    client: httpx.Client, cards: dict[str, ModelCard], model: str, name: str, datatype: str
) -> None:
    golden = cards[model.removesuffix("-raw")].examples
    rows = golden.raw if name == "raw" else golden.features
    tensor = {"name": name, "datatype": datatype, "shape": [len(rows), len(rows[0])], "data": rows}
    answer = client.post(f"/v2/models/{model}/infer", json={"inputs": [tensor]}).json()
    assert close(answer["outputs"][0]["data"], golden.prediction)
    assert client.get("/v2/health/ready").status_code == 200


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
    assert client.post("/transform", json={"raw": [[None] * RAW]}).json()["errors"][0]["column"] == 0


def test_metrics_count_the_requests_of_all_workers(client: httpx.Client, release: str) -> None:
    def counted() -> float:
        lines = client.get("/metrics").text.splitlines()
        series = [line for line in lines if line.startswith("archscale_requests_total")]
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


def test_the_first_process_is_the_service_and_each_processor_has_a_worker_of_160_megabytes_at_most(
    podman: Podman, image: str, cards: dict[str, ModelCard]
) -> None:
    with running(podman, image, "--cpus=1") as container:
        for name, card in cards.items():
            for row in card.examples.features:
                answer = post(f"{container.url}/predict/{name}", json={"features": [row]})
                assert answer.status_code == 200
        assert "bentoml serve" in " ".join(container.process.cmdline())
        (worker,) = container.workers
        assert worker.memory_info().rss <= 160 * MB


def test_the_image_holds_the_service_and_no_tools(podman: Podman, image: str, container: Container) -> None:
    find = "import importlib.util as u, sys; print([name for name in sys.argv[1:] if u.find_spec(name)])"
    libraries = ("torch", "sklearn", "pandas", "scipy", "onnx", "locust", "training", "loadtest", "uv")
    assert container.execute("python", "-c", find, *libraries) == "[]"
    tools = "for tool in gcc cc g++ make git uv curl; do command -v $tool; done; true"
    assert container.execute("sh", "-c", tools) == ""
    assert int(podman("image", "inspect", "--format", "{{.Size}}", image)) <= 450 * MB


def test_the_packages_are_those_of_the_lock(container: Container) -> None:
    listing = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}' for d in m.distributions()))"
    locked = re.findall(r"^(\S+==\S+) ", (ROOT / "requirements/service.txt").read_text(), re.MULTILINE)
    installed = container.execute("python", "-c", listing).lower().replace("_", "-").split()
    assert sorted(installed) == sorted(locked)


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
    packages = {part["purl"]: part for part in bom["components"] if "purl" in part}
    locked = re.findall(r"^(\S+)==(\S+) ", (ROOT / "requirements/service.txt").read_text(), re.MULTILINE)
    assert {f"pkg:pypi/{name}@{version}" for name, version in locked} <= packages.keys()
    assert packages["pkg:pypi/bentoml@1.4.39"]["licenses"][0]["license"]["id"] == "Apache-2.0"
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in packages)
    models = {part["name"]: part for part in bom["components"] if part["type"] == "machine-learning-model"}
    assert models["archscale-large"]["version"] == release
    assert all(file["hashes"][0]["alg"] == "SHA-256" for file in models["archscale-large"]["components"])
