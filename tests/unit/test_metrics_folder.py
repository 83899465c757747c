"""A folder of metrics for each service: made, locked, removed, refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from service.web import metrics_folder
from service.web.metrics_folder import (
    FILE_BYTES,
    FOLDER,
    FOLDER_VARIABLE,
    KINDS,
    METRICS_VARIABLE,
    MetricsFolderError,
)

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
    used = (24).to_bytes(4, sys.byteorder) + bytes(20)
    for kind in ("counter", "gauge_livesum"):
        (tmp_path / f"{kind}_{dead.pid}.db").write_bytes(used + bytes(100))
    (tmp_path / f"histogram_{dead.pid}.db").write_bytes(bytes(100))  # it counted nothing
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(METRICS_VARIABLE, "elsewhere")
    metrics_folder.take()
    assert os.environ[METRICS_VARIABLE] == str(tmp_path)
    own = {f"{kind}_{os.getpid()}.db" for kind in KINDS}
    assert {path.name for path in tmp_path.iterdir()} == own | {f"counter_{dead.pid}.db"}
    assert (tmp_path / f"counter_{dead.pid}.db").read_bytes() == used


def test_a_worker_s_files_have_no_holes_and_keep_what_an_earlier_one_of_its_id_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / f"counter_{os.getpid()}.db"
    earlier.write_bytes(b"counted")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(METRICS_VARIABLE, "elsewhere")
    metrics_folder.take()
    for kind in KINDS:
        found = (tmp_path / f"{kind}_{os.getpid()}.db").stat()
        assert found.st_size == FILE_BYTES <= 512 * found.st_blocks
    assert earlier.read_bytes().startswith(b"counted")


def test_a_worker_that_finds_a_full_disk_says_so_and_leaves_nothing_that_others_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv(METRICS_VARIABLE, "elsewhere")
    full = mock.patch("os.posix_fallocate", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(MetricsFolderError, match="must take the metrics of a worker, however: No space left"):
        metrics_folder.take()
    assert not list(tmp_path.glob("*.db"))
