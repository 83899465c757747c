"""A table of several files that is larger than --memory: trained on as users do, and the same in memory."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.commands import python
from tests.conftest import newest_release, train

ROWS = 60_000
"""Of four columns: some more than fit into 10 MB, the least that --memory takes."""
ASKED = ("--target", "kind", "--architecture", "small=1x20", "--epochs", "2", "--batch-size", "200")

RANKS_TOLERANCE = 0.02
"""Of a probability: see test_torchrun."""


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


def asked(folder: Path, *, memory: str) -> tuple[str, ...]:
    return ("--data", str(folder / "*.parquet"), *ASKED, "--memory", memory)


@pytest.fixture(scope="module")
def streamed_home(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BENTOML_HOME with a release of that table, of which no more than a sample is ever in memory."""
    home = tmp_path_factory.mktemp("home")
    ended = train(home, *asked(folder, memory="10MB"))
    assert ended.returncode == 0, ended.stderr
    assert "Larger than --memory" in ended.stdout
    return home


def read_card(home: Path) -> dict[str, Any]:
    (card,) = (home / "models/archscale-small").glob("*/card.json")
    read: dict[str, Any] = json.loads(card.read_text())
    return read


def test_a_table_larger_than_the_memory_teaches_as_much_as_in_memory(
    folder: Path, streamed_home: Path, tmp_path: Path
) -> None:
    ended = train(tmp_path, *asked(folder, memory="1GB"))
    assert ended.returncode == 0, ended.stderr
    assert "Larger than --memory" not in ended.stdout
    streamed, held = read_card(streamed_home), read_card(tmp_path)
    assert streamed["data"].pop("sampled_rows") == 5 * 10**6 // (48 * 4)
    assert "sampled_rows" not in held["data"]
    assert streamed["data"]["rows"] == held["data"]["rows"] == ROWS
    assert streamed["feature_names"] == held["feature_names"]
    # Of the rows drawn 5,000 are held out: three standard errors of an accuracy of 0.95 are 0.01, as much as of seeds.
    assert streamed["test"]["accuracy"] == pytest.approx(held["test"]["accuracy"], abs=0.02)
    assert streamed["test"]["accuracy"] > 0.9
    assert streamed["target"]["shares"] == pytest.approx(held["target"]["shares"], abs=0.01)
    assert streamed["test"]["loss"] == pytest.approx(held["test"]["loss"], abs=0.05)


def test_two_ranks_of_torchrun_stream_as_one_process_does(folder: Path, streamed_home: Path, tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    ended = python(*torchrun, "-m", "training", *asked(folder, memory="10MB"), home=tmp_path, GLOO_SOCKET_IFNAME="lo")
    assert ended.returncode == 0, ended.stderr
    assert "Larger than --memory" in ended.stdout
    together, alone = (
        pyarrow.parquet.read_table(home / "models/archscale-evaluation" / newest_release(home) / "held_out.parquet")
        for home in (tmp_path, streamed_home)
    )
    np.testing.assert_allclose(together["prediction:small"], alone["prediction:small"], atol=RANKS_TOLERANCE)


def test_a_sweep_wants_a_table_that_fits(folder: Path, tmp_path: Path) -> None:
    words = ("sweep", "--data", str(folder), "--target", "kind", "--memory", "10MB", "--output", str(tmp_path / "out"))
    ended = train(tmp_path, *words)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "a table for sweep must fit into memory" in ended.stderr
