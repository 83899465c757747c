"""The report's three forms: the page's source, Markdown, the terminal. Names and commands stay text in all of them."""

import io
import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from loadtest.analysis.summary import summarise_study
from loadtest.record.intervals import Interval
from loadtest.record.results import Results
from loadtest.report.charts import make_charts
from loadtest.report.document import compose
from loadtest.report.outputs import save_report, show_report, write_markdown
from loadtest.report.wording import clean, significant, write_figure
from tests.studies import (
    HOSTILE,
    LARGE,
    SMALL,
    WIDE,
    begun_study,
    changed,
    generator_limited_study,
    hosted_study,
    hostile_study,
    overload_study,
    partial_study,
    quick_study,
    spoilt_study,
    study,
)

LONGEST_LINE = 100
RENDERER = MarkdownIt("commonmark").enable("table")
BEGUN = begun_study()


class Reader(HTMLParser):
    """Elements and text of a page, its scripts and styles left out."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] not in {"script", "style"}:
            self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def markdown(results: Results) -> str:
    return write_markdown(compose(summarise_study(results)))


def printed(results: Results, *, width: int = LONGEST_LINE) -> str:
    file = io.StringIO()
    show_report(results, Console(file=file, width=width, force_terminal=True, color_system=None, highlight=False))
    return file.getvalue()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    written, _ = save_report(study(), tmp_path_factory.mktemp("report"))
    return written.read_text()


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    written, _ = save_report(hostile_study(), tmp_path_factory.mktemp("report"))
    return written.read_text()


def test_the_report_is_a_page_and_markdown(tmp_path: Path) -> None:
    assert save_report(study(), tmp_path) == [tmp_path / "report.html", tmp_path / "report.md"]
    assert (tmp_path / "report.md").read_text() == markdown(study())


def test_page_markdown_and_terminal_say_the_same(page: str) -> None:
    said = compose(summarise_study(study()))
    sentences = [
        *map(str, said.verdict),
        said.recommendation.headline,
        str(said.recommendation.reason),
        said.recommendation.change,
    ]
    on_page = read(page).text.replace("\u00a0", " ").replace("\u2264", "<=")
    on_terminal = " ".join(printed(study()).split())
    for sentence in sentences:
        assert sentence in on_page
        assert sentence in markdown(study())
        assert sentence in on_terminal


def test_the_page_asks_for_nothing_from_anywhere(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy.group(1).startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert not {"link", "iframe", "img", "object"} & set(read(page).elements)
    assert not re.search(r'\s(src|href)="(?!#)', re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))


def test_the_library_that_draws_is_in_the_page_once(page: str) -> None:
    assert page.count("plotly.js v") == 1


@pytest.mark.parametrize("make", [study, overload_study])
def test_charts_and_table_have_one_estimate_of_a_latency(make: Callable[[], Results]) -> None:
    results = make()
    summary = summarise_study(results)
    charts = {chart.key: chart for chart in make_charts(results, summary)}
    for place, found in enumerate(summary.architectures):
        p50, p99 = found.operating.p50_ms, found.operating.p99_ms
        assert p50.value is not None
        assert charts["distribution"].rows[place][1] == write_figure(p50)
        assert charts["distribution"].rows[place][4] == write_figure(p99)
        assert sum(float(str(part)) for part in charts["split"].rows[place][1:]) == pytest.approx(
            p50.value.estimate, rel=0.01
        )


def test_a_distribution_is_drawn_as_far_as_it_is_known() -> None:
    results = overload_study()
    drawn = next(chart for chart in make_charts(results, summarise_study(results)) if chart.key == "distribution")
    assert min(drawn.figure.data[0].y) == pytest.approx(0.02)
    assert str(drawn.rows[0][5]).startswith(">= ")


def test_the_pages_headings_are_in_order(page: str) -> None:
    levels = [int(tag[1]) for tag in read(page).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))


def test_every_chart_has_its_values_as_text(page: str) -> None:
    charts = re.findall(r'data-figure="([^"]*)" role="img" aria-label="([^"]+)"', page)
    assert [key for key, _ in charts] == [
        "latency",
        "distribution",
        "split",
        "rows-throughput",
        "rows-latency",
        "in-flight-throughput",
        "in-flight-latency",
        "training",
        "search",
    ]
    assert page.count("<summary>Values</summary>") == len(charts)
    assert not any("span" in words for _, words in charts)


def test_no_name_becomes_an_element_or_a_script_of_the_page(page: str, hostile_page: str) -> None:
    plain, hostile = read(page), read(hostile_page)
    assert set(hostile.elements) <= set(plain.elements)
    assert hostile.elements.count("script") == plain.elements.count("script") == 3
    assert clean(HOSTILE) in hostile.text
    assert "\x1b" not in hostile_page


def test_no_name_becomes_markup_in_markdown() -> None:
    plain, found = (read(RENDERER.render(markdown(results))) for results in (hosted_study(), hostile_study()))
    assert set(found.elements) == set(plain.elements)
    assert found.text.count(clean(HOSTILE)) > 5


@given(name=st.text(max_size=40))
def test_any_name_stays_one_cell_of_the_markdown_table(name: str) -> None:
    html = RENDERER.render(markdown(study_of(name)))
    assert html.count("<th") == 3  # small, the name, and thead: counted as tags that begin with it
    assert not {"a", "img", "code", "em", "script"} & set(read(html).elements)


def study_of(name: str) -> Results:
    """A study of one architecture of that name, without trials."""
    settings = changed(BEGUN.settings, architectures=[name])
    return changed(BEGUN, settings=settings, cards={name: BEGUN.cards["small"]}, differences={})


def test_no_name_becomes_a_style_or_a_control_character_on_the_terminal() -> None:
    text = printed(hostile_study())
    assert "[red]" in text
    assert "\x1b[31m" not in text
    assert clean(HOSTILE)[-20:] in text


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("results", [study(), quick_study(), spoilt_study(), study(SMALL, LARGE, WIDE)])
def test_the_terminals_lines_keep_within_its_width(results: Results, width: int) -> None:
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", printed(results, width=width)).splitlines()) <= width


def test_markdown_has_verdict_recommendation_table_failed_gates_and_environment() -> None:
    text = markdown(spoilt_study())
    parts = (
        "**At p99 <= 50 ms on this machine, small sustains",
        "> **INVALID:** withheld of large: sustained rate and cost",
        "**Recommendation: None yet.**",
        "|  | small | large | large / small [95 %] |",
        "| sustained rows/s | 98,400 [97,300, 99,600] | INVALID | - |",
        "- Gate failed: client lateness: p99 <= 5 ms",
        "<sub>Release 20261124t144319-560c96; AMD EPYC, 2 processors",
    )
    places = [text.find(part) for part in parts]
    assert min(places) >= 0
    assert places == sorted(places)


def test_a_partial_study_has_its_banner_before_the_figures(tmp_path: Path) -> None:
    page, _ = save_report(partial_study(), tmp_path)
    html = page.read_text()
    assert 0 < html.find('class="notice partial"') < html.find('id="table"')


def test_a_study_without_a_trial_has_a_report(tmp_path: Path) -> None:
    page, _ = save_report(begun_study(), tmp_path)
    assert "No trial was run." in page.read_text()


def test_points_that_rest_on_a_failed_gate_are_not_drawn_and_are_counted(tmp_path: Path) -> None:
    page, _ = save_report(spoilt_study("curve", "small"), tmp_path)
    html = page.read_text()
    assert "4 point(s) are withheld: a trial that they rest on failed a gate." in html


def test_an_estimate_and_its_interval_have_the_same_digits() -> None:
    assert str(significant(Interval(98_312, 95_149, 101_580))) == "98,300 [95,100, 101,600]"
    assert str(significant(Interval(0.012345, 0.0119, 0.1))) == "0.0123 [0.0119, 0.1000]"
    assert str(significant(Interval(0))) == "0"


@given(st.floats(1e-9, 1e12), st.floats(0.1, 1), st.floats(1, 10))
def test_what_is_written_is_within_half_a_percent(estimate: float, below: float, above: float) -> None:
    written = str(significant(Interval(estimate, below * estimate, above * estimate)))
    value, low, high = (float(part) for part in re.sub("[][,]", "", written.replace(", ", " ")).split())
    assert value == pytest.approx(estimate, rel=0.0051)
    assert low <= value <= high


def test_a_withheld_architecture_is_named_beside_the_charts_that_it_is_missing_from(tmp_path: Path) -> None:
    page, _ = save_report(spoilt_study("search", "large"), tmp_path)
    assert page.read_text().count("large withheld: a trial that this rests on failed a gate.") == 2


def test_beyond_a_bound_no_queue_is_said_to_grow(tmp_path: Path) -> None:
    page, _ = save_report(study(), tmp_path)
    assert "; beyond, the queue grows." in page.read_text()
    page, _ = save_report(generator_limited_study(), tmp_path)
    assert "; beyond, the queue of large grows." in page.read_text()


def test_a_sweep_of_one_load_is_said_as_one(tmp_path: Path) -> None:
    whole = study()
    trials = [trial for trial in whole.trials if trial.phase != "in flight" or trial.load.in_flight == 16]
    page, _ = save_report(changed(whole, trials=trials), tmp_path)
    assert "ms with 16 requests in flight and large" in page.read_text()
    assert "No law of scalability could be fitted to small." in page.read_text()
