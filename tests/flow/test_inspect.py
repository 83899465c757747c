"""`python -m training inspect`, and what `fit` says of a table before it trains."""

import csv
import json
from pathlib import Path

import pytest

from tests.conftest import QUICK, newest_release, train
from tests.flow.refusals import refuse


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A row number, text, yes and no, gaps, and a column that never changes."""
    path = tmp_path / "ships.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "port", "name[0]", "late", "length", "site", "class"])
        for row in range(240):
            port = ("Oslo", "Rome", "Bern, old town", "")[row % 4]
            late = "Yes" if row % 7 else "no"
            length = "" if row % 9 == 0 else 10 + row * 37 % 101
            writer.writerow(
                [row, port, row * 13 % 17, late, length, "here", "long" if row * 37 % 101 > 50 else "short"]
            )
    return path


def test_inspect_says_what_becomes_of_each_column(table: Path, tmp_path: Path) -> None:
    ended = train(tmp_path / "home", "inspect", "--data", str(table), "--target", "class")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in ended.stdout.splitlines()
        if len(cells := line.strip("│").split("│")) == 5
    }
    assert rows["port"][:2] == ["category", "26%"]
    assert rows["port"][3] == "4 columns, one for each level"
    assert rows["late"] == ["boolean", "-", "Yes 88%, no 12%", "0 or 1"]
    assert rows["name[0]"] == ["number", "-", "0 to 16", "a number"]
    assert rows["length"][0] == "number"
    assert "'Unnamed: 0' is left out: it numbers or names the rows" in ended.stdout
    assert "'site' is left out: it holds 'here' in every training row." in ended.stdout
    assert "Warning: 'length' predicts the target alone" in ended.stdout
    assert "4 raw columns become 8 encoded ones and 44 features" in ended.stdout
    assert max(len(line) for line in ended.stdout.splitlines() if "│" in line) <= 100
    assert not (tmp_path / "home/models").exists() or not any((tmp_path / "home/models").iterdir())


def test_the_card_keeps_what_was_decided(table: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ("--target", "port", "--missing", "Oslo", "--drop", "length", "--architecture", "tiny=1x8")
    ended = train(home, "--data", str(table), *options, *QUICK)
    assert ended.returncode == 0, ended.stderr
    assert "120 rows without it are dropped" in ended.stdout
    card = json.loads((home / "models/archscale-tiny" / newest_release(home) / "card.json").read_text())
    assert [(column["name"], column["kind"]) for column in card["raw_features"]] == [
        ("name[0]", "number"),
        ("late", "boolean"),
        ("class", "category"),
    ]
    assert card["raw_features"][1]["levels"] == ["no", "Yes"]
    assert card["raw_features"][2]["levels"] == ["long", "short"]
    assert card["target"]["classes"] == ["Bern, old town", "Rome"]
    assert card["data"]["rows_without_target"] == 120
    assert card["data"]["missing_spellings"] == ["Oslo"]
    assert [column["name"] for column in card["data"]["left_out"]] == ["length", "Unnamed: 0", "site"]


def test_inspect_needs_no_target_but_a_table(table: Path, tmp_path: Path) -> None:
    ended = train(tmp_path, "inspect", "--data", str(table), "--drop", "length")
    assert ended.returncode == 0, ended.stderr
    assert "class" in ended.stdout
    assert "'length' is left out: --drop names it." in ended.stdout
    ended = train(tmp_path, "inspect")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "--data is not given" in ended.stderr


REFUSED = {
    "a target that is no column": (("--target", "Class"), "'Class' is none of 'Unnamed: 0', 'port', 'name[0]'"),
    "a column that is dropped and a category": (
        ("--target", "class", "--drop", "port", "--category", "port"),
        "'port' is named by --drop and --category",
    ),
    "text as a number": (
        ("--target", "class", "--numeric", "port"),
        "--numeric must name a column that holds numbers",
    ),
    "too many features": (
        ("--target", "class", "--most-features", "40"),
        "most columns come of 'port' 4, 'length' 2. Give --drop",
    ),
    "a separator of two signs": (("--target", "class", "--separator", ";;"), "--separator must be one sign"),
    "an unknown encoding": (("--target", "class", "--encoding", "klingon"), "--encoding must be one that Python knows"),
}


def test_what_cannot_be_done_is_answered_in_one_line(table: Path, tmp_path: Path) -> None:
    lines = [("--data", str(table), *arguments, *QUICK) for arguments, _ in REFUSED.values()]
    ended = dict(zip(REFUSED, refuse(tmp_path / "home", lines), strict=True))
    for name, (_, words) in REFUSED.items():
        assert ended[name].code == 2, name
        (line,) = ended[name].errors.strip().splitlines()
        assert words in line
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
