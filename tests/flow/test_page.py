"""Swagger UI in a real browser: it shows the service's document, and asks no other host for anything."""

from pathlib import Path

from loadtest.target.server import Server
from tests.browser import Screen, open_browser, require

SHOWN = """new Promise((done) => {
    const look = () => {
        const operations = document.querySelectorAll(".opblock-summary-path");
        operations.length ? done([...operations].map((shown) => shown.dataset.path)) : setTimeout(look, 20);
    };
    look();
})"""


def test_the_page_shows_the_document_and_loads_from_its_own_host_alone(service: Server, tmp_path: Path) -> None:
    require()
    with open_browser(tmp_path / "profile") as browser:
        browser.open(f"{service.url}/", Screen(1280, 800))
        paths = browser.evaluate(SHOWN)
        requests, errors = list(browser.requests), list(browser.errors)
    assert {"/predict/small", "/models", "/v2"} <= set(paths)
    assert len(requests) > 2
    assert [address for address in requests if not address.startswith((f"{service.url}/", "data:"))] == []
    assert errors == []
