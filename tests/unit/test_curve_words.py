"""What the curve's page says: figures over seeds, fronts, laws, what failed; and which files are no curve."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from loadtest.analysis.growth import average_seeds
from loadtest.curve import CurveOptions, draw_curve, parse_curve
from loadtest.record.curves import load_curve
from loadtest.record.errors import InputError, MeasurementError
from loadtest.report.curve.document import CurveDocument, compose_curve
from service.contract.curve import CURVE_FILE, Curve
from tests.curves import BEST_POSSIBLE, SHAPES, hostile_curve, make_curve, without_choice
from tests.studies import changed

CURVE = make_curve()
DOCUMENT = compose_curve(CURVE)


def draw(curve: Curve, folder: Path) -> str:
    (folder / CURVE_FILE).write_text(curve.model_dump_json())
    draw_curve(CurveOptions(folder), Console(quiet=True))
    return (folder / "curve.html").read_text()


def labels(document: CurveDocument) -> list[str]:
    return [row.label for group in document.candidates.groups for row in group.rows]


def test_a_figure_is_the_mean_of_its_seeds_and_a_time_the_median_of_its_epochs() -> None:
    size = average_seeds(CURVE)[0]
    points = [point for point in CURVE.points if (point.shape, point.rows) == (size.shape, size.rows)]
    accuracies = [point.test.accuracy or 0 for point in points]
    assert (size.seeds, size.rows) == (3, 1_000)
    assert size.quality.mean == pytest.approx(np.mean(accuracies))
    assert (size.quality.lowest, size.quality.highest) == (min(accuracies), max(accuracies))
    medians = [np.median(point.processor_seconds) for point in points]
    assert size.processor_seconds.mean == pytest.approx(np.mean(medians))


def test_the_choice_comes_first_then_what_the_best_would_buy() -> None:
    assert CURVE.choice is not None
    assert DOCUMENT.headline == CURVE.choice.sentence
    assert DOCUMENT.command == "python -m training --architecture chosen=5x50"
    (more,) = map(str, DOCUMENT.more)
    assert re.fullmatch(
        r"5x200, the best, buys \+0\.00\d\d accuracy for [\d.]+ times the training time, [\d.]+ times the memory and "
        r"[\d.]+ times the latency\.",
        more,
    )


def test_the_table_marks_the_chosen_the_best_and_those_that_are_near_enough() -> None:
    assert {"0x0 (linear)", "5x50, chosen", "2x200, near enough", "5x200, best"} <= set(labels(DOCUMENT))


def test_without_a_choice_the_page_says_why_and_still_has_its_figures(tmp_path: Path) -> None:
    curve = without_choice(make_curve(shapes=SHAPES[:1], rows=(10_000,)))
    document = compose_curve(curve)
    assert document.headline == "No choice: there is one shape, and it takes two."
    assert labels(document) == ["0x0 (linear)"]
    page = draw(curve, tmp_path)
    assert 'class="command"' not in page
    assert 'data-figure="quality-weights"' in page


def test_a_sweep_without_a_point_has_a_page(tmp_path: Path) -> None:
    curve = changed(without_choice(CURVE), points=[], laws=[])
    page = draw(curve, tmp_path)
    assert "No choice" in page
    assert "data-figure" not in page
    assert "the loss was not finite" in page


def test_every_law_every_failed_point_and_every_size_is_on_the_page() -> None:
    assert [law.value for law in DOCUMENT.laws] == [law.sentence for law in CURVE.laws]
    assert [(fact.label, fact.value) for fact in DOCUMENT.failed] == [
        ("5x800, 30,000 rows, seed 1", "the loss was not finite")
    ]
    rows = [row for group in DOCUMENT.points.groups for row in group.rows]
    assert len(rows) == len({(point.shape, point.rows) for point in CURVE.points})


def test_a_law_that_is_not_stated_has_no_figure() -> None:
    stated, unstated = DOCUMENT.law_table.groups[0].rows[:2]
    assert [cell.text for cell in stated.cells] == ["10", "0.101", "-0.41", "0.110", "0.104"]
    assert [cell.text for cell in unstated.cells] == ["4", "-", "-", "-", "-"]


def test_points_that_were_disturbed_or_failed_are_told_before_the_figures() -> None:
    points = [changed(point, disturbed=point.seed == 0) for point in CURVE.points]
    notices = [notice.text for notice in compose_curve(changed(CURVE, points=points)).notices]
    assert notices[0].startswith("1 of 121 points without a figure")
    assert "during 40 of 120 points" in notices[1]


def test_the_best_possible_is_named_where_it_is_known(tmp_path: Path) -> None:
    assert f"best possible: {BEST_POSSIBLE:.4f}" in draw(CURVE, tmp_path)
    assert "best possible:" not in draw(make_curve(task="regression"), tmp_path)


def test_rows_are_drawn_where_there_is_more_than_one_number_of_them(tmp_path: Path) -> None:
    assert 'data-figure="quality-rows"' in draw(CURVE, tmp_path)
    assert 'data-figure="quality-rows"' not in draw(make_curve(rows=(10_000,)), tmp_path)


def test_no_name_becomes_an_element_or_a_script_of_the_page(tmp_path: Path) -> None:
    page = draw(hostile_curve(), tmp_path)
    assert "<img" not in page.partition('<script type="application/json"')[0]
    assert page.count("<script") == draw(CURVE, tmp_path).count("<script")


SPOILT: dict[str, Callable[[str], str]] = {
    "another format": lambda text: text.replace('"format":1', '"format":2'),
    "half a file": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: "curve",
    "an unknown field": lambda text: text.replace('"version":', '"edition":'),
    "latencies of other rows": lambda text: text.replace('"1024":', '"512":'),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_is_no_curve_of_this_version_is_refused_in_one_line(spoil: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / CURVE_FILE).write_text(spoil(CURVE.model_dump_json()))
    with pytest.raises(
        InputError, match=rf"^{CURVE_FILE} must .*, however: .* Sweep again with this version"
    ) as caught:
        load_curve(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_without_a_curve_and_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file.* python -m training sweep"):
        load_curve(tmp_path)
    (tmp_path / CURVE_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="it is no text"):
        load_curve(tmp_path)


def test_a_page_that_can_not_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "curve.html").mkdir()
    with pytest.raises(MeasurementError, match=r"the page must be written, however: .* Make room"):
        draw(CURVE, tmp_path)


def test_the_command_takes_one_folder() -> None:
    assert parse_curve(["sweeps/monday"]).sweep == Path("sweeps/monday")
    with pytest.raises(InputError, match=r"FOLDER.* See: python -m loadtest curve --help"):
        parse_curve([])
