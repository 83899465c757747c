"""What `bentoml serve` says, in one line, when it can't serve."""

import hashlib
import json
import shutil
import socket
from pathlib import Path

import pytest
import yaml

from service.web.tested import TESTED_UVICORN
from tests.commands import bentoml as run_bentoml


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home / "models", tmp_path / "home/models")
    return tmp_path / "home"


def refusal(home: Path, **settings: str) -> str:
    """Return the one line that `bentoml serve` ends with."""
    result = run_bentoml("serve", "--host", "127.0.0.1", "--port", "0", home=home, **settings)
    assert result.returncode in (1, 2)
    assert "Traceback" not in result.stderr + result.stdout
    (line,) = result.stderr.strip().splitlines()
    return line


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    assert "python -m training" in refusal(tmp_path)


def test_an_unknown_release_is_named(home: Path) -> None:
    line = refusal(home, ARCHSCALE_RELEASE="20200101t000000-abcdef")
    assert "20200101t000000-abcdef" in line
    assert "bentoml models list" in line


def test_the_beginning_of_a_version_is_not_enough(home: Path, release: str) -> None:
    assert f"Did you mean {release}?" in refusal(home, ARCHSCALE_RELEASE=release[:-3])


def test_an_unknown_architecture_is_named_with_those_there_are(home: Path) -> None:
    assert "(small, large), however: 'huge'" in refusal(home, ARCHSCALE_ARCHITECTURES="small,huge")


def test_a_bad_setting_is_named(home: Path) -> None:
    assert "ARCHSCALE_WORKERS" in refusal(home, ARCHSCALE_WORKERS="none")


def test_a_file_of_keys_that_is_not_its_owners_alone_is_named(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"alice {'a' * 64}\n")
    file.chmod(0o644)
    line = refusal(home, ARCHSCALE_KEYS_FILE=str(file))
    assert line.endswith(f"Run: chmod 600 {file}")


@pytest.mark.parametrize(
    ("tracing", "said"),
    [
        (
            {"exporter_type": "jaeger", "jaeger": {"protocol": "thrift"}},
            "package opentelemetry-exporter-jaeger-thrift,",
        ),
        ({"exporter_type": "otlp"}, "tracing.otlp.protocol must be grpc or http, however: None."),
    ],
)
def test_traces_that_cant_be_sent_are_refused(home: Path, tmp_path: Path, tracing: object, said: str) -> None:
    config = tmp_path / "bentoml.yaml"
    config.write_text(json.dumps({"services": {"archscale": {"tracing": tracing}}}))
    assert said in refusal(home, BENTOML_CONFIG=str(config))


def test_a_rate_without_keys_is_refused(home: Path) -> None:
    assert "ARCHSCALE_KEYS_FILE" in refusal(home, ARCHSCALE_RATE_LIMIT="10")


def test_a_release_that_misses_an_architecture_is_not_served(own_home: Path, release: str) -> None:
    shutil.rmtree(own_home / "models/archscale-large" / release)
    assert "python -m training" in refusal(own_home)


@pytest.mark.parametrize("entry", ["archscale-small", "archscale-preprocessing"])
def test_a_file_that_was_changed_is_not_served(own_home: Path, release: str, entry: str) -> None:
    graph = next((own_home / "models" / entry / release).glob("*.onnx"))
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    assert f"{entry}:{release}: {graph.name} must have SHA-256" in refusal(own_home)


def test_a_network_that_misses_its_golden_rows_is_not_served(own_home: Path, release: str) -> None:
    folder = own_home / "models/archscale-small" / release
    card = json.loads((folder / "card.json").read_text())
    card["examples"]["prediction"][3] += 0.25
    (folder / "card.json").write_text(json.dumps(card))
    manifest = own_home / "models/archscale-preprocessing" / release / "model.yaml"
    new = hashlib.sha256((folder / "card.json").read_bytes()).hexdigest()
    document = yaml.safe_load(manifest.read_text())
    document["metadata"]["files"]["small"]["card.json"] = new
    manifest.write_text(yaml.safe_dump(document))
    assert "golden row 3" in refusal(own_home)


def test_a_version_of_uvicorn_that_was_not_tested_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text('import uvicorn\nuvicorn.__version__ = "0.99.0"\n')
    assert refusal(home, PYTHONPATH=str(tmp_path)) == (
        f"uvicorn must be {TESTED_UVICORN}, whose protocol the service extends, however: 0.99.0. "
        "Install what requirements/service.txt pins."
    )


def test_a_port_in_use_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_bentoml("serve", "--host", "127.0.0.1", "--port", str(port), home=home)
    assert result.returncode != 0
    assert str(port) in result.stderr + result.stdout
