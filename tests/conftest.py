"""Real parts for every test: a trained release, a BENTOML_HOME for each server, `bentoml serve` on a free port."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.target.server import Server, serve
from tests.commands import ROOT
from tests.tables import write_cancer, write_diabetes

TRAIN_SECONDS = 240
# Three epochs: these tests look at the chain, not at the quality that it reaches.
QUICK = ("--epochs", "3", "--seed", "7")


def pytest_configure() -> None:
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"


def train(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the training job into the store of ``home``."""
    return subprocess.run(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=TRAIN_SECONDS,
        check=False,
    )


def newest_release(home: Path) -> str:
    return (home / "models/archscale-preprocessing/latest").read_text().strip()


@pytest.fixture(scope="session")
def cancer_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's breast-cancer table: 569 rows of 30 numeric columns and a diagnosis in words."""
    return write_cancer(tmp_path_factory.mktemp("data") / "cancer.csv")


@pytest.fixture(scope="session")
def diabetes_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's diabetes table: 442 rows of 10 numeric columns and a number to predict."""
    return write_diabetes(tmp_path_factory.mktemp("data") / "diabetes.csv")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, cancer_csv: Path) -> Path:
    """A BENTOML_HOME with one release of ``small`` and ``large``, trained on the breast-cancer table. Read only."""
    path = tmp_path_factory.mktemp("home")
    result = train(path, "--data", str(cancer_csv), "--target", "diagnosis", *QUICK)
    assert result.returncode == 0, result.stderr
    return path


@pytest.fixture(scope="session")
def release(home: Path) -> str:
    """Version of the release in ``home``."""
    return newest_release(home)


@pytest.fixture(scope="session")
def store(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a BENTOML_HOME with the models of ``home``: two servers on one home erase each other's metrics."""

    def make() -> Path:
        path = tmp_path_factory.mktemp("server-home")
        (path / "models").symlink_to(home / "models")
        return path

    return make


@pytest.fixture(scope="session")
def service(store: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`bentoml serve` with the defaults, for all tests that only ask."""
    with serve(store(), log=tmp_path_factory.mktemp("log") / "serve.log", ARCHSCALE_WORKERS="1") as server:
        yield server
