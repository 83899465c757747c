"""A folder of metrics for each service: made, locked, removed, refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from service.web import metrics_folder
from service.web.metrics_folder import FOLDER, FOLDER_VARIABLE, METRICS_VARIABLE, MetricsFolderError

PROGRAM = (
    "import sys; from pathlib import Path; from service.web import metrics_folder as m; m.make(Path(sys.argv[1]), 1);"
)


def folders(home: Path) -> list[Path]:
    return [folder for folder in (home / FOLDER).iterdir() if folder.is_dir()]


def run(home: Path, rest: str) -> None:
    """Let another process make a folder."""
    subprocess.run([sys.executable, "-c", PROGRAM + rest, str(home)], check=True)


def test_a_service_removes_its_folder_when_it_ends(tmp_path: Path) -> None:
    run(tmp_path, f"import os; assert Path(os.environ['{FOLDER_VARIABLE}']).is_dir()")
    assert folders(tmp_path) == []


def test_the_next_removes_what_a_killed_one_left_and_nothing_of_those_that_live(tmp_path: Path) -> None:
    run(tmp_path, "import os; os._exit(0)")
    (left,) = folders(tmp_path)
    program = PROGRAM + "print('made', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (living,) = folders(tmp_path)
        assert living != left
        run(tmp_path, "")
        assert folders(tmp_path) == [living]
        other.communicate(b"\n")
    assert folders(tmp_path) == []


def make_a_file(folder: Path) -> None:
    folder.touch()


def make_a_file_of_home(folder: Path) -> None:
    folder.parent.rmdir()
    folder.parent.touch()


@pytest.mark.parametrize("spoil", [make_a_file, make_a_file_of_home], ids=["folder", "home"])
def test_a_folder_that_cant_be_made_is_named_in_one_line(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = tmp_path / "home" / FOLDER
    folder.parent.mkdir()
    spoil(folder)
    with pytest.raises(MetricsFolderError, match=f"{folder} must be a folder .* however: .*BENTOML_HOME") as caught:
        metrics_folder.make(folder.parent, 1)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    full = mock.patch("os.posix_fallocate", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(MetricsFolderError, match=r"12 MiB.*No space"):
        metrics_folder.make(tmp_path, 3)
    assert folders(tmp_path) == []


def test_gauges_of_the_dead_are_removed_and_counters_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    names = [f"{kind}_{pid}.db" for kind in ("counter", "gauge_livesum") for pid in (dead.pid, os.getpid())]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(METRICS_VARIABLE, "elsewhere")
    metrics_folder.take()
    assert os.environ[METRICS_VARIABLE] == str(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(set(names) - {f"gauge_livesum_{dead.pid}.db"})
