"""`python -m training score` beside a server of the same release: what one answers and refuses, the other does too."""

import csv
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest

from loadtest.target.server import Server, serve
from service.contract.card import Cell, ModelCard
from tests.conftest import train
from tests.mixed_release import ROWS
from tests.patience import PATIENCE_SECONDS
from tests.scoring import NAMES, assert_close, table, write
from training.errors import UserError
from training.score.file import Scorer
from training.score.options import parse_score_options
from training.score.run import run_scoring


def score(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return train(home, "score", *map(str, words))


@pytest.fixture(scope="module")
def mixed(mixed_home: Callable[[str], Path]) -> Path:
    return mixed_home("two")


@pytest.fixture(scope="module")
def client(mixed: Path) -> Iterator[httpx.Client]:
    settings = {"ARCHSCALE_WORKERS": "1", "ARCHSCALE_UNKNOWN_CATEGORY": "ignore"}
    with (
        serve(mixed, log=mixed / "serve.log", **settings) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_table_of_numbers_is_answered_as_over_http_and_compared_with_the_card(
    service: Server, home: Path, cancer_csv: Path, tmp_path: Path, jobs: int
) -> None:
    ended = score(
        home, "--data", cancer_csv, "--output", tmp_path / "out.parquet", "--architecture", "small", "--jobs", jobs,
        "--keep", "diagnosis",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    with cancer_csv.open() as file:
        rows = [{name: cell for name, cell in row.items() if name != "diagnosis"} for row in csv.DictReader(file)]
    records = [{name: float(cell) for name, cell in row.items()} for row in rows]
    answer = httpx.post(
        f"{service.url}/predict/small/raw?labels=true", json={"records": records}, timeout=PATIENCE_SECONDS
    ).json()
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert_close(found["prediction"], answer["predictions"])
    assert found["label"].to_pylist() == answer["labels"]
    assert f"values out of range ({answer['out_of_range']:,})" in ended.stdout
    assert "Quality: 569 rows have a target" in ended.stdout
    assert "No column has moved since training" in ended.stdout


def test_unknown_levels_gaps_and_values_out_of_range_get_what_http_gives(
    client: httpx.Client, mixed: Path, tmp_path: Path
) -> None:
    rows: list[list[Cell]] = [
        *ROWS,
        [-1e6, 1e9, "no", False, "Bergen", "none"],
        [30.0, None, "YES", None, "Bonn", None],
        [1e-300, 5e-324, "yes", True, "bonn", "PRO"],
    ]
    answered = client.post("/predict/tiny/raw?labels=true", json={"raw": rows})
    assert answered.status_code == 200, answered.text
    answer = answered.json()
    for name in ("rows.parquet", "rows.csv"):
        data, output = write(tmp_path / name, table(rows)), tmp_path / f"{name}.out.parquet"
        ended = score(mixed, "--data", data, "--output", output, "--unknown-category", "ignore")
        assert ended.returncode == 0, ended.stderr
        found = pyarrow.parquet.read_table(output)
        assert_close(found["prediction"], answer["predictions"])
        assert found["label"].to_pylist() == answer["labels"]
        said = f"out of range ({answer['out_of_range']:,}), unknown levels ({answer['unknown_categories']:,})"
        assert said in ended.stdout


CELLS = [
    "", " 31 ", "1e3", "+1", "-1.5", ".5", "1_0", "0x1", "nan", "NaN", "?", "inf", "12%", "Yes", " yes", "TRUE", "0",
    "1", "1.0", "Bonn", " Bonn ", "bonn", "pro", "None",
]  # fmt: skip


@pytest.mark.parametrize("column", NAMES)
def test_each_cell_of_text_is_taken_or_refused_as_in_a_csv_body(
    client: httpx.Client, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    plain = ["30", "52000", "Yes", "True", "Rom", "pro"]
    (folder,) = mixed.glob("models/archscale-tiny/*/")
    card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
    scorer = Scorer(card, (folder / "pipeline.onnx").read_bytes())
    monkeypatch.setattr("training.score.run.open_scorer", lambda **_: scorer)
    for at, cell in enumerate(CELLS):
        row = [cell if name == column else value for name, value in zip(NAMES, plain, strict=True)]
        stream = io.StringIO()
        csv.writer(stream).writerows([NAMES, row])
        (tmp_path / "row.csv").write_text(stream.getvalue())
        asked = client.post("/predict/tiny/raw", content=stream.getvalue(), headers={"Content-Type": "text/csv"})
        output = tmp_path / f"{at}.parquet"
        words = ["--data", str(tmp_path / "row.csv"), "--output", str(output), "--unknown-category", "ignore"]
        try:
            run_scoring(
                parse_score_options(words),
                on_plan=lambda *_: None,
                on_progress=lambda _: None,
                on_file=lambda _: None,
                pool=None,
            )
        except UserError as error:
            assert asked.status_code == 422, (cell, str(error))
            continue
        assert asked.status_code == 200, (cell, asked.text)
        found = pyarrow.parquet.read_table(output)["prediction"]
        assert_close(found, asked.json()["predictions"])
