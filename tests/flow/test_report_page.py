"""The report's page in a real browser: what it asks for, draws and shows, on a wide and on a narrow screen."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtest.record.results import Results
from loadtest.report.charts.base import COLOURS
from loadtest.report.outputs import save_report
from tests.browser import Browser, Scheme, Screen, open_browser, require
from tests.sights import CUT_LABELS, NOT_DRAWN, unfold
from tests.studies import (
    LARGE,
    SMALL,
    WIDE,
    begun_study,
    hostile_study,
    partial_study,
    quick_study,
    spoilt_study,
    study,
)

WIDE_SCREEN, NARROW_SCREEN, NARROWEST_SCREEN = Screen(1280, 800), Screen(390, 844), Screen(375, 667)
STUDIES: dict[str, Callable[[], Results]] = {
    "two": study,
    "three": lambda: study(SMALL, LARGE, WIDE),
    "quick": quick_study,
    "invalid": spoilt_study,
    "partial": partial_study,
    "begun": begun_study,
    "hostile": hostile_study,
}
BELIEVABLE = [name for name in STUDIES if name != "hostile"]
# Of text, and of what is drawn: Web Content Accessibility Guidelines 2.2, criteria 1.4.3 and 1.4.11, level AA.
TEXT_CONTRAST, DRAWN_CONTRAST = 4.5, 3.0
BOTTOM = "document.querySelector('{}').getBoundingClientRect().bottom"
DRAWN_COLOURS = """[...document.querySelectorAll(".chart")].flatMap((chart) => chart.data)
    .filter((trace) => trace.line?.color && trace.name)
    .map((trace) => [trace.name.split(" ")[0], trace.line.color])"""
SWATCHES = """[...document.querySelectorAll(".swatch")].map((swatch) => swatch.getAttribute("style"))"""
IDENTIFIERS = """[...document.querySelectorAll("[id]")].map((element) => element.id)"""
UNREACHABLE = """[...document.querySelectorAll("summary, .scroll")].filter((part) => part.tabIndex !== 0)
    .map((part) => part.outerHTML)"""
FOREIGN = """[...document.querySelectorAll("img, b")].map((element) => element.outerHTML)"""
TEXT = "document.querySelector('{}')?.textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require()
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each study."""
    return {name: save_report(make(), tmp_path_factory.mktemp(name))[0] for name, make in STUDIES.items()}


@dataclass(frozen=True)
class Sight:
    """What there is to be seen of one page on one screen; of charts, with all folds open."""

    verdict_ends: float
    choice_ends: float
    fits: bool
    not_drawn: list[str]
    cut_labels: list[str]
    requests: list[str]
    errors: list[str]
    swatches: list[str]
    drawn_colours: list[list[str]]
    unreachable: list[str]
    identifiers: list[str]
    title: str
    legend: str | None
    foreign: list[str]


Look = Callable[[str, Screen], Sight]


@pytest.fixture(scope="module")
def look(browser: Browser, pages: dict[str, Path]) -> Look:
    """Look at the page of a study: once for each screen."""

    @functools.cache
    def look(name: str, screen: Screen) -> Sight:
        browser.open(pages[name], screen)
        verdict_ends, choice_ends = (browser.evaluate(BOTTOM.format(place)) for place in ("h1", ".choice"))
        unfold(browser)
        return Sight(
            verdict_ends=verdict_ends,
            choice_ends=choice_ends,
            fits=browser.evaluate("document.documentElement.scrollWidth <= innerWidth"),
            not_drawn=browser.evaluate(NOT_DRAWN),
            cut_labels=browser.evaluate(CUT_LABELS),
            requests=list(browser.requests),
            errors=list(browser.errors),
            swatches=browser.evaluate(SWATCHES),
            drawn_colours=browser.evaluate(DRAWN_COLOURS),
            unreachable=browser.evaluate(UNREACHABLE),
            identifiers=browser.evaluate(IDENTIFIERS),
            title=browser.evaluate(TEXT.format("h1")),
            legend=browser.evaluate(TEXT.format(".legend")),
            foreign=browser.evaluate(FOREIGN),
        )

    return look


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_draws_every_chart_and_asks_for_nothing_but_itself(
    look: Look, pages: dict[str, Path], name: str
) -> None:
    seen = look(name, WIDE_SCREEN)
    assert seen.not_drawn == []
    assert seen.requests == [pages[name].as_uri()]
    assert seen.errors == []


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN])
@pytest.mark.parametrize("name", BELIEVABLE)
def test_verdict_and_recommendation_are_seen_without_scrolling(look: Look, name: str, screen: Screen) -> None:
    seen = look(name, screen)
    assert seen.verdict_ends < screen.height / 2
    assert seen.choice_ends < screen.height


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN])
@pytest.mark.parametrize("name", BELIEVABLE)
def test_no_label_of_a_chart_is_cut(look: Look, name: str, screen: Screen) -> None:
    assert look(name, screen).cut_labels == []


@pytest.mark.parametrize(
    ("name", "screen"), [("two", NARROWEST_SCREEN), ("three", NARROW_SCREEN), ("hostile", NARROW_SCREEN)]
)
def test_nothing_is_wider_than_the_screen(look: Look, name: str, screen: Screen) -> None:
    assert look(name, screen).fits


@pytest.fixture
def page_of_two(browser: Browser, pages: dict[str, Path]) -> Browser:
    """The browser, which shows the page of two architectures to a reader who prefers a light one."""
    if browser.evaluate("location.href") != pages["two"].as_uri():
        browser.open(pages["two"], WIDE_SCREEN)
    browser.prefer("light")
    browser.settle()
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_can_be_told_from_the_ground(page_of_two: Browser, scheme: Scheme) -> None:
    page_of_two.prefer(scheme)
    page_of_two.settle()
    names = ("text", "quiet", "link", "invalid", "partial", "ground", "raised")
    style = "getComputedStyle(document.documentElement)"
    colours = {name: page_of_two.evaluate(f"{style}.getPropertyValue('--{name}').trim()") for name in names}
    for ground in ("ground", "raised"):
        for name in ("text", "quiet", "link", "invalid", "partial"):
            assert contrast(colours[name], colours[ground]) >= TEXT_CONTRAST
    assert min(contrast(colour, colours["ground"]) for colour in COLOURS) >= DRAWN_CONTRAST


def contrast(colour: str, other: str) -> float:
    """Return the ratio of two luminances, from 1 to 21 (Web Content Accessibility Guidelines 2.2)."""
    dark, light = sorted((luminance(colour), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_charts_follow_the_readers_scheme_while_the_page_is_open(page_of_two: Browser) -> None:
    ticks = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    page = "getComputedStyle(document.body).color"
    light = page_of_two.evaluate(ticks)
    assert light == page_of_two.evaluate(page)
    page_of_two.prefer("dark")
    page_of_two.settle()
    assert page_of_two.evaluate(ticks) == page_of_two.evaluate(page) != light


def test_an_architecture_has_one_colour_in_table_and_charts(look: Look) -> None:
    seen = look("three", WIDE_SCREEN)
    colours = {"small": COLOURS[0], "large": COLOURS[1], "wide": COLOURS[2]}
    assert seen.swatches == [f"background: {colour}" for colour in colours.values()]
    assert {tuple(pair) for pair in seen.drawn_colours} == set(colours.items())


def test_every_fold_and_table_is_reached_by_the_keyboard(look: Look) -> None:
    seen = look("two", WIDE_SCREEN)
    assert seen.unreachable == []
    identifiers = [name for name in seen.identifiers if name]
    assert len(set(identifiers)) == len(identifiers)


def test_a_hostile_name_is_shown_and_does_nothing(look: Look) -> None:
    seen = look("hostile", WIDE_SCREEN)
    for words in (seen.title, seen.legend):
        assert "<img src=x onerror=alert(1)>" in (words or "")
    assert seen.foreign == []
