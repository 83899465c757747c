"""Whatever is written is read as it was."""

import bz2
import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read_tables import columns, values
from training.table.read import read
from training.table.values import ReadOptions


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": zstd,
}

WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["C", "Z"]), max_size=6).map(lambda text: f"w{text}")

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | NUMBERS, st.none() | WORDS, NUMBERS), min_size=1, max_size=30),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    compression=st.sampled_from(list(COMPRESS)),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_table_is_read_as_it_was_written(
    rows: list[tuple[float | None, str | None, float]],
    separator: str,
    decimal: str,
    encoding: str,
    compression: str,
    line_end: str,
) -> None:
    def written(value: float | str | None) -> str:
        if isinstance(value, float):
            return repr(value).replace(".", decimal)
        return value or ""

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end)
    writer.writerow(["number", "word", "last"])
    writer.writerows([written(cell) for cell in row] for row in rows)
    options = ReadOptions(separator=separator, decimal=decimal, encoding="latin-1" if encoding == "latin-1" else None)
    with TemporaryDirectory() as folder:
        path = Path(folder, "data.csv")
        path.write_bytes(COMPRESS[compression](text.getvalue().encode(encoding)))
        read_in = read(path, options)
        assert read_in.place(len(rows) - 1) == f"line {len(rows) + 1}"
    assert read_in.rows == len(rows)
    expected = zip(*rows, strict=True)
    assert [values(column) for column in read_in.columns] == [list(column) for column in expected]


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | NUMBERS, st.none() | WORDS), min_size=1, max_size=30))
def test_parquet_and_csv_read_alike(rows: list[tuple[float | None, str | None]]) -> None:
    numbers, words = (list(column) for column in zip(*rows, strict=True))
    content = pa.table(
        {"a": pa.array(numbers, pa.float64()), "b": pa.array(words, pa.string()), "c": [1.0] * len(rows)}
    )
    with TemporaryDirectory() as folder:
        parquet, text = Path(folder, "data.parquet"), Path(folder, "data.csv")
        pa.parquet.write_table(content, parquet)
        pa.csv.write_csv(content, text)
        from_parquet, from_csv = (columns(read(path, ReadOptions())) for path in (parquet, text))
    assert from_parquet == from_csv == {"a": numbers, "b": words, "c": [1.0] * len(rows)}
