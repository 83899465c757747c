"""The whole chain on a user's own table: train, serve, build, serve the Bento, save a newer release, roll back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest
import yaml

from loadtest.target.server import Server, serve
from tests.commands import bentoml as run_bentoml
from tests.conftest import QUICK, newest_release, train
from tests.patience import PATIENCE_SECONDS, get, post

HEAVY_LIBRARIES = ("torch", "sklearn", "pyarrow", "scipy", "locust")


@pytest.fixture(scope="module")
def own_home(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BENTOML_HOME that this module may change, with a copy of the trained release."""
    path = tmp_path_factory.mktemp("own-home")
    shutil.copytree(home / "models", path / "models")
    return path


@pytest.fixture(scope="module")
def first_release(own_home: Path) -> str:
    return newest_release(own_home)


@pytest.fixture(scope="module")
def bento(own_home: Path, first_release: str) -> str:
    """Tag of a Bento built from the first release, before the second is saved."""
    built = run_bentoml("build", "--output", "tag", home=own_home)
    assert built.returncode == 0, built.stdout + built.stderr
    return built.stdout.strip().removeprefix("__tag__:")


@pytest.fixture(scope="module")
def second_release(own_home: Path, bento: str, cancer_csv: Path) -> str:
    """A newer release with one more architecture, saved after the Bento was built."""
    shapes = ("--architecture", "small=2x50", "--architecture", "wide-net=1x16")
    trained = train(own_home, "--data", str(cancer_csv), "--target", "diagnosis", *shapes, *QUICK)
    assert trained.returncode == 0, trained.stderr
    return newest_release(own_home)


@pytest.fixture(scope="module")
def served_bento(
    own_home: Path, bento: str, second_release: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Serves the Bento, from a store that has a newer release."""
    log = tmp_path_factory.mktemp("bento") / "serve.log"
    with serve(own_home, bento, log=log, ARCHSCALE_WORKERS="1") as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "serve.log"


def models_of(url: str) -> Any:
    return get(f"{url}/models").json()


def first_rows(url: str, architecture: str) -> tuple[Any, Any]:
    examples = get(f"{url}/models/{architecture}/examples").json()
    return examples["raw"][:2], examples["prediction"][:2]


def bento_file(home: Path, tag: str) -> Any:
    name, _, version = tag.partition(":")
    return yaml.safe_load((home / "bentos" / name / version / "bento.yaml").read_text())


def test_the_newest_release_is_served_with_every_architecture(own_home: Path, second_release: str, log: Path) -> None:
    with serve(own_home, log=log) as server:
        assert models_of(server.url)["release"] == second_release
        raw, expected = first_rows(server.url, "wide-net")
        answer = post(f"{server.url}/predict/wide-net/raw", json={"raw": raw}).json()
        assert answer["predictions"] == pytest.approx(expected, abs=1e-5)
        with bentoml.SyncHTTPClient(server.url, timeout=PATIENCE_SECONDS) as client:
            assert client.predict_wide_net_raw(raw=raw)["release"] == second_release


def test_a_bento_answers_with_the_release_it_was_built_with(
    served_bento: Server, first_release: str, second_release: str
) -> None:
    assert first_release != second_release
    assert models_of(served_bento.url)["release"] == first_release
    raw, expected = first_rows(served_bento.url, "large")
    with bentoml.SyncHTTPClient(served_bento.url, timeout=PATIENCE_SECONDS) as client:
        answer = client.predict_large_raw(raw=raw)
    assert (answer["release"], answer["predictions"]) == (first_release, pytest.approx(expected, abs=1e-5))


def test_an_exported_bento_brings_its_models_to_another_home(
    own_home: Path, bento: str, first_release: str, second_release: str, tmp_path: Path, log: Path
) -> None:
    exported, home = tmp_path / "archscale.bento", tmp_path / "home"
    assert run_bentoml("export", bento, str(exported), home=own_home).returncode == 0
    assert run_bentoml("import", str(exported), home=home).returncode == 0
    with serve(home, bento, log=log, ARCHSCALE_WORKERS="1") as server:
        assert models_of(server.url)["release"] == first_release


def test_a_bento_holds_its_models_and_the_service_alone(own_home: Path, bento: str, first_release: str) -> None:
    models = {entry["tag"] for entry in bento_file(own_home, bento)["services"][0]["models"]}
    parts = ("preprocessing", "small", "large")
    assert models == {f"archscale-{part}:{first_release}" for part in parts}
    name, _, version = bento.partition(":")
    source = own_home / "bentos" / name / version / "src"
    packed = {path.relative_to(source).parts[0] for path in source.rglob("*.py")}
    assert packed == {"service"}
    requirements = (source.parent / "env/python/requirements.txt").read_text()
    assert "bentoml==1.4.39" in requirements
    assert not any(f"{library}==" in requirements for library in ("torch", "scikit-learn", "pandas", "pyarrow"))


def test_a_worker_loads_neither_torch_nor_scikit_learn(served_bento: Server) -> None:
    (worker,) = served_bento.workers
    loaded = {mapping.path for mapping in worker.memory_maps()}
    assert any("onnxruntime" in path for path in loaded)
    assert not any(f"/{library}/" in path for path in loaded for library in HEAVY_LIBRARIES)


def test_a_bento_of_an_older_release_can_be_built(own_home: Path, first_release: str, second_release: str) -> None:
    built = run_bentoml("build", "--output", "tag", home=own_home, ARCHSCALE_RELEASE=first_release)
    tag = built.stdout.strip().removeprefix("__tag__:")
    aliases = [entry for entry in bento_file(own_home, tag)["services"][0]["models"] if entry.get("alias")]
    assert [entry["tag"] for entry in aliases] == [f"archscale-preprocessing:{first_release}"]


def test_a_setting_rolls_back_to_an_older_release(
    own_home: Path, first_release: str, second_release: str, log: Path
) -> None:
    settings = {"ARCHSCALE_RELEASE": first_release, "ARCHSCALE_ARCHITECTURES": "large", "ARCHSCALE_MAX_ROWS": "2"}
    settings["ARCHSCALE_WORKERS"] = "1"
    with serve(own_home, log=log, **settings) as server:
        models = models_of(server.url)
        assert (models["release"], list(models["models"])) == (first_release, ["large"])
        raw, _ = first_rows(server.url, "large")
        assert post(f"{server.url}/predict/small/raw", json={"raw": raw}).status_code == 404
        assert post(f"{server.url}/predict/large/raw", json={"raw": raw + raw}).status_code == 422


def test_a_respawned_worker_comes_back_with_the_release_that_was_served(
    home: Path, own_home: Path, first_release: str, second_release: str, tmp_path: Path, log: Path
) -> None:
    shutil.copytree(home / "models", tmp_path / "models")
    with serve(tmp_path, log=log, ARCHSCALE_WORKERS="1") as server:
        assert models_of(server.url)["release"] == first_release
        shutil.copytree(own_home / "models", tmp_path / "models", dirs_exist_ok=True)
        assert newest_release(tmp_path) == second_release
        server.workers[0].kill()
        # The arbiter holds the socket: the request waits in it until the new worker answers.
        assert models_of(server.url)["release"] == first_release


def test_a_regression_is_served_in_its_natural_unit(regression_home: Path, log: Path) -> None:
    with serve(regression_home, log=log, ARCHSCALE_WORKERS="1") as server:
        assert models_of(server.url)["models"]["tiny"]["test"].keys() == {"loss", "r2", "rmse"}
        raw, expected = first_rows(server.url, "tiny")
        answer = post(f"{server.url}/predict/tiny/raw", json={"raw": raw}).json()
        assert answer["predictions"] == pytest.approx(expected, rel=1e-5)
        assert all(20 < value < 350 for value in answer["predictions"])
