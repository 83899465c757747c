"""A table of text, gaps, yes and no with three classes, from the file to the release's card and held-out rows."""

import csv
import json
import random
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet
import pytest

from service.contract.card import CARD_FORMAT, ModelCard
from tests.conftest import QUICK, newest_release, train
from training.summary import TrainingSummary

ROWS = 400
CLASSES = ["high", "low", "middle"]


def write_table(path: Path, *, classes: int) -> Path:
    """A number and a category with gaps, a number, yes and no, and what follows from them."""
    draw = random.Random(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "smoker", "city", "income", "risk"])
        for _ in range(ROWS):
            age, smoker = draw.uniform(18, 80), draw.random() < 0.3
            city = draw.choice(["Paris", "Rome", "Oslo"])
            risk = age / 40 + smoker + (city == "Rome")
            word = "high" if risk > 2.2 else "low" if risk < 1.3 or classes == 2 else "middle"
            writer.writerow(
                [
                    "" if draw.random() < 0.1 else f"{age:.1f}",
                    "yes" if smoker else "no",
                    "" if draw.random() < 0.2 else city,
                    f"{draw.gauss(0, 1):.4f}",
                    word,
                ]
            )
    return path


@pytest.fixture(scope="module")
def three_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BENTOML_HOME with a release of three classes, and its summary and output."""
    folder = tmp_path_factory.mktemp("three-classes")
    table = write_table(folder / "people.csv", classes=3)
    data = ("--data", str(table), "--target", "risk", "--architecture", "tiny=1x8")
    ended = train(folder, *data, *QUICK, "--summary", str(folder / "summary.json"))
    assert ended.returncode == 0, ended.stderr
    (folder / "output.txt").write_text(ended.stdout)
    return folder


def entry(home: Path, name: str) -> Path:
    return home / "models" / f"archscale-{name}" / newest_release(home)


def test_the_card_says_what_became_of_every_column(three_classes: Path) -> None:
    card = ModelCard.model_validate_json((entry(three_classes, "tiny") / "card.json").read_bytes())
    assert card.format == CARD_FORMAT
    assert [(column.name, column.kind) for column in card.raw_features] == [
        *(("age", "number"), ("smoker", "boolean"), ("city", "category"), ("income", "number")),
    ]
    assert card.target.classes == CLASSES
    assert sum(card.target.shares) == pytest.approx(1)
    encoded = sum(column.encoded_columns for column in card.raw_features)
    names = ["age", "smoker", "income", "age missing", "city=Oslo", "city=Paris", "city=Rome", "city missing"]
    assert card.feature_names[:encoded] == names
    assert card.calibration is not None
    assert sum(entry.rows for entry in card.calibration.bins) == card.data.test_rows


def test_examples_stand_as_a_request_may_hold_them(three_classes: Path) -> None:
    card = ModelCard.model_validate_json((entry(three_classes, "tiny") / "card.json").read_bytes())
    rows = card.examples.raw
    assert all(isinstance(row[1], bool) and isinstance(row[3], float) for row in rows)
    assert {row[2] for row in rows} == {"Oslo", "Paris", "Rome", None}
    assert any(row[0] is None for row in rows)
    assert np.shape(card.examples.prediction) == (len(rows), 3)
    assert set(card.examples.target) <= {0, 1, 2}


def test_the_saved_graphs_answer_the_examples_as_the_card_says(three_classes: Path) -> None:
    folder = entry(three_classes, "tiny")
    card = ModelCard.model_validate_json((folder / "card.json").read_bytes())
    levels: list[object] = [*card.raw_features[2].levels]
    codes = [
        [np.nan if cell is None else levels.index(cell) if cell in levels else float(cell) for cell in row]
        for row in card.examples.raw
    ]
    for graph, name, rows in (
        ("network.onnx", "features", np.array(card.examples.features, np.float32)),
        ("pipeline.onnx", "raw", np.array(codes)),
    ):
        session = onnxruntime.InferenceSession(str(folder / graph), providers=["CPUExecutionProvider"])
        (answer,) = session.run(None, {name: rows})
        np.testing.assert_allclose(answer, card.examples.prediction, atol=1e-5)
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)


def test_held_out_rows_are_kept_with_a_prediction_for_each_class(three_classes: Path) -> None:
    table = pyarrow.parquet.read_table(entry(three_classes, "evaluation") / "held_out.parquet")
    predictions = [f"prediction:tiny:{name}" for name in CLASSES]
    assert table.column_names == ["age", "smoker", "city", "income", "risk", *predictions]
    assert [str(table[name].type) for name in ("age", "smoker", "city")] == ["double", "bool", "string"]
    assert table["city"].null_count > 0


def test_the_summary_shows_classes_calibration_and_baselines(three_classes: Path) -> None:
    text = (three_classes / "summary.json").read_text()
    summary = json.loads(text)
    assert TrainingSummary.model_validate_json(text).architectures.keys() == {"tiny"}
    assert summary["data"]["classes"] == CLASSES
    tiny = summary["architectures"]["tiny"]
    assert tiny["test"].keys() == {"loss", "accuracy", "auc", "brier"}
    assert "threshold" not in tiny
    assert len(tiny["calibration"]["bins"]) == 10
    assert summary["baselines"].keys() == {"majority", "logistic regression", "gradient boosting"}
    output = (three_classes / "output.txt").read_text()
    assert "into 3 classes" in output
    assert "expected error" in output


def test_two_classes_have_a_threshold_of_each_architecture(tmp_path: Path) -> None:
    table = write_table(tmp_path / "people.csv", classes=2)
    names = ("--architecture", "tiny=1x8", "--architecture", "wider=1x16")
    data = ("--data", str(table), "--target", "risk", *names)
    ended = train(tmp_path, *data, *QUICK, "--summary", str(tmp_path / "summary.json"))
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    for name in ("tiny", "wider"):
        card = ModelCard.model_validate_json((entry(tmp_path, name) / "card.json").read_bytes())
        assert 0 < card.target.threshold < 1
        assert summary["architectures"][name]["threshold"] == card.target.threshold
    assert "recommended threshold" in ended.stdout
