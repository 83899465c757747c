"""Scoring as its command does it, in this process: with a release made by hand instead of one in the model store."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from service.contract.card import Cell, ModelCard
from tests.mixed_release import ROWS, TARGETS, make_card, make_graphs
from tests.raw_columns import MIXED
from training.errors import TrainingError, UserError
from training.score.file import Scorer
from training.score.options import parse_score_options
from training.score.processes import started_pool
from training.score.show import show_scoring

NAMES = [feature.name for feature in MIXED]
TYPES = [pa.float64(), pa.float64(), pa.string(), pa.bool_(), pa.string(), pa.string()]
KNOWN = [row for row in ROWS if row[4] != "Paris"]
Score = Callable[..., str]
"""Words of the command line -> what it printed."""


def make_scorer(target: str) -> Scorer:
    """An architecture of the mixed table."""
    graphs = make_graphs(TARGETS[target])
    return Scorer(make_card("by-hand", TARGETS[target], graphs), graphs["pipeline.onnx"])


def table(rows: list[list[Cell]], **more: Iterable[Any]) -> pa.Table:
    """Rows of the mixed table, as a Parquet file has them; more: further columns."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    cells = {name: pa.array(column, kind) for name, column, kind in zip(NAMES, columns, TYPES, strict=True)}
    return pa.table({**cells, **{name: list(values) for name, values in more.items()}})


def write(path: Path, rows: pa.Table) -> Path:
    """Write Parquet or CSV, by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pa.parquet.write_table(rows, path)
    else:
        pa.csv.write_csv(rows, path)
    return path


def read(path: Path) -> pa.Table:
    """Read Parquet or CSV, by the name."""
    return pa.parquet.read_table(path) if path.suffix == ".parquet" else pa.csv.read_csv(path)


def expected(card: ModelCard, rows: list[list[Cell]]) -> Any:
    """What the card says of some of its example rows."""
    return np.array([card.examples.prediction[ROWS.index(row)] for row in rows])


def assert_close(actual: Any, desired: Any) -> None:
    """Within what the service's answers may differ by."""
    np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=1e-6)


def scoring(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], scorer: Scorer) -> Score:
    """Return the command with this architecture."""
    monkeypatch.setattr("training.score.run.open_scorer", lambda **_: scorer)

    def score(*words: object) -> str:
        options = parse_score_options([str(word) for word in words])
        with started_pool(options.data, options.jobs) as pool:
            show_scoring(options, pool)
        return capsys.readouterr().out

    return score


def refusal(score: Score, *words: object, error: type[TrainingError] = UserError) -> str:
    """Return the line that the command refuses with."""
    with pytest.raises(TrainingError) as raised:
        score(*words)
    assert type(raised.value) is error
    message = str(raised.value)
    assert "\n" not in message
    assert ", however: " in message
    return message
