"""A file is written and read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.read_tables import Read, Refusal
from training.errors import UserError
from training.table.csv import csv_file
from training.table.read import read
from training.table.values import ReadOptions, ReadTable


@pytest.fixture
def table(tmp_path: Path) -> Read:
    def read_content(content: str | bytes | pa.Table, name: str = "data.csv", **options: object) -> ReadTable:
        path = tmp_path / name
        if isinstance(content, pa.Table):
            pa.parquet.write_table(content, path, row_group_size=2)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(path, ReadOptions(**options))  # type: ignore[arg-type]

    return read_content


@pytest.fixture
def refusal(table: Read) -> Refusal:
    def refused(content: str | bytes | pa.Table, name: str = "data.csv", **options: object) -> str:
        with pytest.raises(UserError) as caught:
            table(content, name, **options)
        line = str(caught.value)
        assert "\n" not in line
        assert "however: " in line
        return line

    return refused


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 200)
    monkeypatch.setattr(csv_file, "BYTES_FOR_EACH_COLUMN", 0)
