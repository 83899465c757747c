"""A table of several files that is larger than --memory: trained on as users do, and the same in memory."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import train

ROWS = 60_000
"""Of four columns: some more than fit into 10 MB, the least that --memory takes."""
ASKED = ("--target", "kind", "--architecture", "small=1x20", "--epochs", "2", "--batch-size", "200")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files, sorted by the target, with few gaps, and few rows of a level."""
    chance, path = np.random.default_rng(0), tmp_path_factory.mktemp("table")
    length, mass = chance.normal(5, 2, ROWS), chance.normal(10, 1, ROWS)
    mass[-40:] = np.nan
    shade = chance.choice(["dark", "light"], ROWS).astype(object)
    shade[-40:] = "grey"
    kind = np.where(length + np.where(shade == "dark", 2, 0) + chance.normal(0, 0.5, ROWS) > 6, "long", "short")
    order = np.argsort(kind, kind="stable")
    for place, rows in enumerate(np.array_split(order, 3)):
        columns = {"length": length[rows], "mass": pa.array(mass[rows], from_pandas=True), "shade": shade[rows]}
        pyarrow.parquet.write_table(pa.table({**columns, "kind": kind[rows]}), path / f"part-{place}.parquet")
    return path


def test_a_table_larger_than_the_memory_teaches_as_much_as_in_memory(folder: Path, tmp_path: Path) -> None:
    cards = {}
    for memory in ("10MB", "1GB"):
        store = tmp_path / memory
        ended = train(store, "--data", str(folder / "*.parquet"), *ASKED, "--memory", memory)
        assert ended.returncode == 0, ended.stderr
        (card,) = (store / "models/archscale-small").glob("*/card.json")
        cards[memory] = json.loads(card.read_text())
        assert ("Larger than --memory" in ended.stdout) == (memory == "10MB")
    streamed, held = cards["10MB"], cards["1GB"]
    assert streamed["data"].pop("sampled_rows") == 5 * 10**6 // (48 * 4)
    assert "sampled_rows" not in held["data"]
    assert streamed["data"]["rows"] == held["data"]["rows"] == ROWS
    assert streamed["feature_names"] == held["feature_names"]
    # Of the rows drawn 5,000 are held out: three standard errors of an accuracy of 0.95 are 0.01, as much as of seeds.
    assert streamed["test"]["accuracy"] == pytest.approx(held["test"]["accuracy"], abs=0.02)
    assert streamed["test"]["accuracy"] > 0.9
    assert streamed["target"]["shares"] == pytest.approx(held["target"]["shares"], abs=0.01)
    assert streamed["test"]["loss"] == pytest.approx(held["test"]["loss"], abs=0.05)


def test_a_sweep_wants_a_table_that_fits(folder: Path, tmp_path: Path) -> None:
    asked = ("sweep", "--data", str(folder), "--target", "kind", "--memory", "10MB", "--output", str(tmp_path / "out"))
    ended = train(tmp_path, *asked)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "a table for sweep must fit into memory" in ended.stderr
