"""A client of the service, and the image of `make image`, built once for all tests that look at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from sys import executable

import httpx
import pytest

from loadtest.target.server import Server
from service.contract.card import Examples, ModelCard
from tests.patience import PATIENCE_SECONDS, get
from tests.podman import Podman, private_podman, require, run


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    require()
    with private_podman(tmp_path_factory.mktemp("podman")) as podman:
        yield podman


@pytest.fixture(scope="session")
def image_home(podman: Podman, store: Callable[[], Path]) -> Path:
    return store()


@pytest.fixture(scope="session")
def made(podman: Podman, image_home: Path) -> str:
    """What `make image` printed."""
    return run(
        "make",
        "--assume-old=.venv/.installed",
        f"BIN={Path(executable).parent}",
        "ENGINE=podman",
        f"IMAGE_OPTIONS={' '.join(podman.build_options)}",
        "image",
        environment={**podman.environment, "BENTOML_HOME": str(image_home)},
    )


@pytest.fixture(scope="session")
def image(made: str, image_home: Path) -> str:
    """Name of the image."""
    version = (image_home / "bentos/archscale/latest").read_text().strip()
    return f"localhost/archscale:{version}"


@pytest.fixture(scope="session")
def cards(home: Path, release: str) -> dict[str, ModelCard]:
    """What training wrote of each architecture, to be compared with what a server answers."""
    folders = (home / "models").glob(f"archscale-*/{release}")
    files = (file for folder in folders for file in folder.glob("card.json"))
    found = [ModelCard.model_validate_json(file.read_bytes()) for file in files]
    return {card.architecture: card for card in found}


@pytest.fixture(scope="module")
def client(service: Server) -> Iterator[httpx.Client]:
    """Ask the service of all tests."""
    with httpx.Client(base_url=service.url, timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture(scope="module")
def examples(service: Server) -> dict[str, Examples]:
    """Held-out rows of each architecture, as the service gives them."""
    answers = {name: get(f"{service.url}/models/{name}/examples").json() for name in ("small", "large")}
    for answer in answers.values():
        del answer["release"]
    return {name: Examples(**answer) for name, answer in answers.items()}
