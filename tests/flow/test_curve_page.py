"""The curve's page in a real browser: the choice is seen at once, every chart is drawn, nothing is cut or asked for."""

from collections.abc import Callable, Iterator
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


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", CURVES)
def test_every_chart_is_drawn_and_nothing_is_cut_too_wide_or_fetched(
    browser: Browser, pages: dict[str, Path], name: str, screen: Screen
) -> None:
    browser.open(pages[name], screen)
    unfold(browser)
    assert browser.evaluate(NOT_DRAWN) == []
    assert browser.evaluate(CUT_LABELS) == []
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert browser.requests == [pages[name].as_uri()]
    assert browser.errors == []


@pytest.mark.parametrize("screen", [WIDE_SCREEN, NARROW_SCREEN], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", ["rows", "default", "regression"])
def test_the_choice_and_its_command_are_seen_without_scrolling(
    browser: Browser, pages: dict[str, Path], name: str, screen: Screen
) -> None:
    browser.open(pages[name], screen)
    for place, share in (("h1", 0.5), (".command", 1.0)):
        bottom = browser.evaluate(f"document.querySelector('{place}').getBoundingClientRect().bottom")
        assert bottom < share * screen.height


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_charts_take_the_readers_scheme(browser: Browser, pages: dict[str, Path], scheme: Scheme) -> None:
    browser.open(pages["rows"], WIDE_SCREEN, scheme=scheme)
    ticks = "getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    assert browser.evaluate(ticks) == browser.evaluate("getComputedStyle(document.body).color")


def test_a_hostile_name_is_shown_and_does_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"], WIDE_SCREEN)
    assert "<img src=x onerror=alert(1)>" in browser.evaluate("document.querySelector('h1').textContent")
    assert browser.evaluate("document.querySelectorAll('img, b').length") == 0
