"""The curve's page in a real browser: the choice is seen at once, every chart is drawn, nothing is cut or asked for."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.curve import CurveOptions, draw_curve
from service.contract.curve import CURVE_FILE, Curve, Shape
from tests.browser import Browser, Scheme, Screen, open_browser, require
from tests.curves import SHAPES, hostile_curve, make_curve, without_choice
from tests.sights import CUT_LABELS, NOT_DRAWN, unfold

WIDE_SCREEN, NARROW_SCREEN = Screen(1280, 800), Screen(390, 844)
MANY = (Shape(depth=0, width=0), *(Shape(depth=d, width=w) for d in (1, 2, 5) for w in (10, 50, 100, 200, 800)))
CURVES: dict[str, Callable[[], Curve]] = {
    "rows": make_curve,
    "default": lambda: make_curve(shapes=MANY, rows=(10_000,)),
    "regression": lambda: make_curve(shapes=SHAPES[:5], task="regression"),
    "one": lambda: without_choice(make_curve(shapes=SHAPES[1:2], rows=(10_000,), seeds=1)),
    "hostile": hostile_curve,
}
SHARES = {"h1": 0.5, ".command": 1.0}
"""Of the screen's height, where the choice and its command must have ended."""
BOTTOM = "document.querySelector('{}')?.getBoundingClientRect().bottom"
FOREIGN = """[...document.querySelectorAll("img, b")].map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require()
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of each curve."""
    return {name: draw(make(), tmp_path_factory.mktemp(name)) for name, make in CURVES.items()}


def draw(curve: Curve, folder: Path) -> Path:
    (folder / CURVE_FILE).write_text(curve.model_dump_json())
    draw_curve(CurveOptions(folder), Console(quiet=True))
    return folder / "curve.html"


@dataclass(frozen=True)
class Sight:
    """What there is to be seen of one page on one screen; of charts, with all folds open."""

    bottoms: dict[str, float | None]
    not_drawn: list[str]
    cut_labels: list[str]
    fits: bool
    requests: list[str]
    errors: list[str]
    title: str
    foreign: list[str]


Look = Callable[[str, Screen], Sight]


@pytest.fixture(scope="module")
def look(browser: Browser, pages: dict[str, Path]) -> Look:
    """Look at the page of a curve: once for each screen."""

    @functools.cache
    def look(name: str, screen: Screen) -> Sight:
        browser.open(pages[name], screen)
        bottoms = {place: browser.evaluate(BOTTOM.format(place)) for place in SHARES}
        unfold(browser)
        return Sight(
            bottoms=bottoms,
            not_drawn=browser.evaluate(NOT_DRAWN),
            cut_labels=browser.evaluate(CUT_LABELS),
            fits=browser.evaluate("document.documentElement.scrollWidth <= innerWidth"),
            requests=list(browser.requests),
            errors=list(browser.errors),
            title=browser.evaluate("document.querySelector('h1').textContent"),
            foreign=browser.evaluate(FOREIGN),
        )

    return look


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", CURVES)
def test_every_chart_is_drawn_and_nothing_is_cut_too_wide_or_fetched(
    look: Look, pages: dict[str, Path], name: str, screen: Screen
) -> None:
    seen = look(name, screen)
    assert seen.not_drawn == []
    assert seen.cut_labels == []
    assert seen.fits
    assert seen.requests == [pages[name].as_uri()]
    assert seen.errors == []


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", ["rows", "default", "regression"])
def test_the_choice_and_its_command_are_seen_without_scrolling(look: Look, name: str, screen: Screen) -> None:
    for place, share in SHARES.items():
        bottom = look(name, screen).bottoms[place]
        assert bottom is not None
        assert bottom < share * screen.height


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_charts_take_the_readers_scheme(browser: Browser, pages: dict[str, Path], scheme: Scheme) -> None:
    browser.open(pages["rows"], WIDE_SCREEN, scheme=scheme)
    ticks = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    assert browser.evaluate(ticks) == browser.evaluate("getComputedStyle(document.body).color")


def test_a_hostile_name_is_shown_and_does_nothing(look: Look) -> None:
    seen = look("hostile", WIDE_SCREEN)
    assert "<img src=x onerror=alert(1)>" in seen.title
    assert seen.foreign == []
