"""A headless Chromium, told what to do over a pipe (Chrome DevTools Protocol): no port, no driver, no package."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.patience import PATIENCE_SECONDS

BROWSER = "chromium"
# The pipes' numbers are the protocol's. /dev/shm is small in containers; as root there is no sandbox.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)
LAUNCH = 'exec "$0" "$@" 3<&{commands} 4>&{answers}'
Scheme = Literal["light", "dark"]
WIDEST_TELEPHONE = 600


@dataclass(frozen=True)
class Screen:
    """In CSS pixels."""

    width: int
    height: int


def require() -> None:
    """Skip with one line where there is no browser; fail in continuous integration, where there must be one."""
    if shutil.which(BROWSER) is None:
        reason = f"the page is looked at with {BROWSER}, however: it is not installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@dataclass
class Browser:
    """One browser and its one page. requests: addresses asked for; errors: what its console complained of."""

    commands: int
    answers: int
    session: str = ""
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _sent: int = 0
    _received: bytes = b""

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and return its result."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._sent:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def wait_for(self, event: str) -> None:
        """Read what the browser tells until it tells of ``event``."""
        while (told := self._receive()).get("method") != event:
            self._note(told)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._received:
            ready, _, _ = select.select([self.answers], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{BROWSER} must answer within {PATIENCE_SECONDS:g} s"
            part = os.read(self.answers, 2**20)
            assert part, f"{BROWSER} has ended"
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        found = told.get("params", {})
        match told.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(found["request"]["url"])
            case "Log.entryAdded":
                self.errors.append(found["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.errors.append(str(found["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if found["type"] in {"error", "warning", "assert"}:
                self.errors.append(str(found["args"]))

    def open(self, page: Path | str, screen: Screen, *, scheme: Scheme = "light", scale: float = 1) -> None:
        """Show a page on ``screen``, to a reader who prefers ``scheme``; forget what was noted before.

        page: a file, or an address; scale: pixels of a screenshot for each CSS pixel.
        """
        self.requests.clear()
        self.errors.clear()
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=screen.height,
            deviceScaleFactor=scale,
            mobile=screen.width < WIDEST_TELEPHONE,
        )
        self.prefer(scheme)
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait_for("Page.loadEventFired")
        self.settle()

    def prefer(self, scheme: Scheme) -> None:
        """Change the reader's preference."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def settle(self) -> None:
        """Wait for two frames: what a change of size or scheme brings about is then drawn."""
        self.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        taken = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    (commands_end, commands), (answers, answers_end) = os.pipe(), os.pipe()
    # Out of the way of 3 and 4, which the shell hands over.
    their_commands, their_answers = (_move(end) for end in (commands_end, answers_end))
    launch = LAUNCH.format(commands=their_commands, answers=their_answers)
    process = subprocess.Popen(
        ["bash", "-c", launch, BROWSER, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(their_commands, their_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_commands)
    os.close(their_answers)
    browser = Browser(commands, answers)
    try:
        _attach(browser)
        yield browser
    finally:
        os.close(commands)
        os.close(answers)
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _move(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


def _attach(browser: Browser) -> None:
    targets = browser.ask("Target.getTargets")["targetInfos"]
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    browser.session = browser.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Network", "Log"):
        browser.ask(f"{domain}.enable")
