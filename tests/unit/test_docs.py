"""README and docs tell of what there is: rooms, imports, settings, targets, files."""

import re
import tomllib
from pathlib import Path

import pytest

from service.settings import PREFIX, load_settings
from tests.commands import ROOT
from tests.pages import PAGES, README
from tests.picture import MOST_BYTES, PICTURE

MOST_README_BYTES = 8_000
PROGRAMS = ("service", "training", "loadtest")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def anchors(page: Path) -> set[str]:
    """What GitHub calls the page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= MOST_README_BYTES


def test_the_picture_is_a_small_png() -> None:
    picture = PICTURE.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= MOST_BYTES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert {page.relative_to(ROOT).as_posix() for page in PAGES} - {"README.md"} <= set(linked)


def test_the_architecture_names_every_room_and_no_other() -> None:
    named = set(re.findall(rf"`((?:{'|'.join(PROGRAMS)})/(?:\w+/)*)`", ARCHITECTURE))
    rooms = [file.parent for program in PROGRAMS for file in (ROOT / program).rglob("__init__.py")]
    assert named == {f"{room.relative_to(ROOT).as_posix()}/" for room in rooms}


def test_the_architecture_gives_the_import_order_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    orders = [" -> ".join(contract["layers"]) for contract in contracts if contract["type"] == "layers"]
    assert orders
    for order in orders:
        assert re.sub(r"\b(service|training|loadtest)\.", "", order) in ARCHITECTURE


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    rows = re.findall(rf"^\| `{PREFIX}(\w+)`", "\n".join(page.read_text() for page in PAGES), re.MULTILINE)
    assert sorted(rows) == sorted(name.upper() for name in load_settings().model_dump())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_named_in_a_sentence_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (?:[A-Z]+=\S+ )?([a-z-]+)", page.read_text())) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_in_a_sentence_exists(page: Path) -> None:
    named = re.findall(r"`((?:tests|deploy|requirements|service|training|loadtest)/[\w./-]+)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []
