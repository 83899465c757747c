"""The command, with a release made by hand."""

import pytest

from tests.scoring import Score, make_scorer, scoring
from training.score.file import Scorer


@pytest.fixture(scope="module")
def two() -> Scorer:
    """Two classes."""
    return make_scorer("two")


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], two: Scorer) -> Score:
    return scoring(monkeypatch, capsys, two)
