"""What --memory says, what there is, and whether a table fits."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from training.errors import UserError
from training.table import memory
from training.table.memory import BYTES_OF_VALUE, default_memory, fits, read_memory
from training.table.table_files import open_table
from training.table.values import ReadOptions


@pytest.mark.parametrize(("text", "size"), [("500MB", 5 * 10**8), ("1.5 gb", 15 * 10**8), ("10000kB", 10**7)])
def test_a_size_has_a_unit(text: str, size: int) -> None:
    assert read_memory(text) == size


@pytest.mark.parametrize("text", ["", "500", "9MB", "-1GB", "1e3MB", "2 gigabytes", "2GiB", "9" * 99 + "GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--memory must be a size of at least 10MB with its unit, however: "):
        read_memory(text)


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "info").write_text("MemTotal:       16000000 kB\nMemFree: 1 kB\n")
    (tmp_path / "own").write_text("0::/outer/inner\n")
    (tmp_path / "outer/inner").mkdir(parents=True)
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "info")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert default_memory() == 16_000_000 * 1024 // 4
    (tmp_path / "outer/inner/memory.max").write_text("max\n")
    (tmp_path / "outer/memory.max").write_text("2000000000\n")
    assert default_memory() == 500_000_000
    monkeypatch.setattr(memory, "MEMORY_INFO", tmp_path / "nowhere")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "nowhere")
    assert default_memory() == 10**9


def test_a_table_is_measured_before_it_is_read(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"a": range(1_000), "b": range(1_000)}), tmp_path / "a.parquet")
    text = "a,b\n" + "".join(f"{row:05},{row:05}\n" for row in range(100_000))
    (tmp_path / "b.csv").write_text(text)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name, rows, error in (("a.parquet", 1_000, 0.0), ("b.csv", 100_000, 0.01), ("c.csv.gz", 100_000, 0.01)):
        files, size = open_table(tmp_path / name, ReadOptions()), rows * 2 * BYTES_OF_VALUE
        assert fits(files, int(size * (1 + error)))
        assert not fits(files, int(size * (1 - error)) - 1)
