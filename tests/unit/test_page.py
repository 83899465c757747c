"""The page at ``/`` loads from its own host alone, and is allowed no more than that."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import bentoml._internal.server

from service.openapi.page import PAGE, PAGE_HEADERS

FILES = Path(bentoml._internal.server.__file__).parent


class Loads(HTMLParser):
    """Notes what a page loads, and its own scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action") and value]
        self.addresses += found
        self._within = tag == "script" and not found
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._within:
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = False


def read() -> Loads:
    page = Loads()
    page.feed(PAGE.decode())
    return page


def test_all_that_it_loads_are_files_of_this_host() -> None:
    addresses = read().addresses
    assert addresses
    for address in addresses:
        assert address.startswith("static_content/")
        assert (FILES / address).is_file()
    assert b"//" not in PAGE.replace(b"<!DOCTYPE html>", b"")


def test_its_one_script_is_the_one_that_its_policy_allows() -> None:
    (script,) = read().scripts
    policy = dict(PAGE_HEADERS)[b"content-security-policy"].decode()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|\*", policy)
