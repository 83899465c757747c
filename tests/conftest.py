"""Real parts for every test: a trained release, a BENTOML_HOME for each server, `bentoml serve` on a free port.

Tests run in several processes (pytest-xdist): those of one file in one process, which has a service of its own; what
is trained is trained by the first process that needs it. A test that ``measures`` waits until no other test runs.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock
from xdist import is_xdist_worker
from xdist.scheduler.loadfile import LoadFileScheduling

from loadtest.target.server import Server, serve
from tests.commands import ROOT, python
from tests.tables import write_cancer, write_diabetes

# Three epochs: these tests look at the chain, not at the quality that it reaches.
QUICK = ("--epochs", "3", "--seed", "7")


def pytest_configure() -> None:
    # As in a terminal: where the tests run in the background, Ctrl-C is ignored, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as python -m training does: tests run beside each other
    # No test asserts on time: hypothesis's own limits do so.
    too_slow = hypothesis.HealthCheck.too_slow
    hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[too_slow])
    hypothesis.settings.load_profile("any machine")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: what is compressed carries the time, and processes must agree on names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


class FilesTogether(LoadFileScheduling):  # type: ignore[misc]
    """Keeps the tests of a file in one process, for they share its fixtures, and all that look at the image in another.

    xdist's own marks of groups are lost: pytest 9.2 no longer reads the name that xdist 3.8 writes them into.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "the image" if Path(file).name.startswith("test_image") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    """Hand out files."""
    return FilesTogether(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that ``measures`` while no other one runs, and all others beside each other."""
    with _room(item.session, alone=item.get_closest_marker("measures") is not None):
        return (yield)


@contextmanager
def _room(session: pytest.Session, *, alone: bool) -> Iterator[None]:
    """Enter through a door that whoever wants to be alone keeps shut, so that others can't go on entering before it."""
    if not is_xdist_worker(session):
        yield
        return
    folder = Path(session.config.getoption("basetemp")).parent
    with (folder / "door.lock").open("w") as door, (folder / "room.lock").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(door, fcntl.LOCK_UN)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


def train(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the training job into the store of ``home``."""
    return python("-m", "training", *arguments, home=home)


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


def make_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder that the first process to come here makes; the others wait for it."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            unfinished = path.with_name(f"{path.name}-unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path


@pytest.fixture(scope="session")
def home(shared: Path, cancer_csv: Path) -> Path:
    """A BENTOML_HOME with one release of ``small`` and ``large``, trained on the breast-cancer table. Read only."""

    def make(folder: Path) -> None:
        trained = train(folder, "--data", str(cancer_csv), "--target", "diagnosis", *QUICK)
        assert trained.returncode == 0, trained.stderr

    return make_once(shared / "home", make)


@pytest.fixture(scope="session")
def regression_home(shared: Path, diabetes_csv: Path) -> Path:
    """A BENTOML_HOME with a release of ``tiny``, trained on the diabetes table, and what that said. Read only."""

    def make(folder: Path) -> None:
        data = ("--data", str(diabetes_csv), "--target", "progression", "--architecture", "tiny=1x8")
        trained = train(folder, *data, *QUICK, "--summary", str(folder.with_suffix(".json")))
        assert trained.returncode == 0, trained.stderr
        folder.with_suffix(".json").rename(folder / "summary.json")
        (folder / "output.txt").write_text(trained.stdout)

    return make_once(shared / "regression-home", make)


@pytest.fixture(scope="session")
def mixed_home(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a BENTOML_HOME with the release of ``tests.mixed_release`` that has this target."""

    def make(target: str) -> Path:
        command = [sys.executable, "-m", "tests.mixed_release", target]

        def save(folder: Path) -> None:
            subprocess.run(command, cwd=ROOT, env={**os.environ, "BENTOML_HOME": str(folder)}, check=True)

        path = tmp_path_factory.mktemp(f"mixed-{target}")
        (path / "models").symlink_to(make_once(shared / f"mixed-home-{target}", save) / "models")
        return path

    return make


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
    """`bentoml serve` with the defaults, for all tests of this process that only ask."""
    with serve(store(), log=tmp_path_factory.mktemp("log") / "serve.log", ARCHSCALE_WORKERS="1") as server:
        yield server
