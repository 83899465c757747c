"""Open arrivals from Locust's web page: a test ends by itself, Locust stays, and the next one offers the same."""

import json
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import load_samples
from loadtest.target.server import Server, free_port
from tests.flow.loads import locust_beside
from tests.patience import PATIENCE_SECONDS

RATE, SECONDS, SEED = 60, 1.0, 5
POLL_SECONDS = 0.1
Statistics = dict[str, Any]


class Page:
    """What a browser does with Locust's page."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    def get(self, route: str) -> Statistics:
        with urllib.request.urlopen(self.url + route, timeout=PATIENCE_SECONDS) as answer:
            found: Statistics = json.load(answer)
            return found

    def swarm(self, **form: object) -> None:
        """Press the button."""
        fields = urllib.parse.urlencode({"user_count": 1, "spawn_rate": 1, **form}).encode()
        with urllib.request.urlopen(self.url + "/swarm", fields, timeout=PATIENCE_SECONDS) as answer:
            assert json.load(answer)["success"]

    def wait_until(self, holds: Callable[[Statistics], object]) -> Statistics:
        """Look at the statistics until ``holds``, and return them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "Locust has ended"
            try:
                found = self.get("/stats/requests")
            except OSError:  # it has only just been started
                found = {"state": "starting"}
            if holds(found):
                return found
            time.sleep(POLL_SECONDS)
        raise TimeoutError(found)

    def run(self, **form: object) -> list[Statistics]:
        """Start a test, wait until it has ended by itself, and return its table: routes, and the sum of all."""
        urllib.request.urlopen(self.url + "/stats/reset", b"", timeout=PATIENCE_SECONDS).close()
        # Locust 2.47 answers with the statistics of up to two seconds ago: until then these are the last test's.
        self.wait_until(lambda found: not found["stats"][-1]["num_requests"])
        self.swarm(**form)
        ended = self.wait_until(lambda found: found["state"] == "stopped" and found["stats"][-1]["num_requests"])
        table: list[Statistics] = ended["stats"]
        return table

    def fail(self, reason: str, **form: object) -> None:
        """Start a test, and wait until it has ended for ``reason``."""
        self.swarm(**form)
        self.wait_until(lambda found: found["state"] == "stopped" and reason in str(self.get("/logs")))

    def end(self) -> str:
        """End Locust as a user does who has seen enough; return its words."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=PATIENCE_SECONDS)[0]


@contextmanager
def page(*arguments: str) -> Iterator[Page]:
    port = free_port()
    with locust_beside(*arguments, "--web-host", "127.0.0.1", "--web-port", str(port)) as process:
        found = Page(process, f"http://127.0.0.1:{port}")
        found.wait_until(lambda statistics: statistics["state"] == "ready")
        yield found


@pytest.mark.slow
def test_a_test_ends_by_itself_and_the_next_one_offers_the_same_arrivals(service: Server, tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    load = ("--rate", str(RATE), "--seconds", f"{SECONDS:g}", "--seed", str(SEED), "--results", str(file))
    expected = np.array(list(Schedule(RATE, SECONDS, seed=(SEED, 0, 0)).times()))
    with page("OpenSmallUser", "--host", service.url, *load) as browser:
        for _ in range(2):
            total = browser.run()[-1]
            assert (total["num_requests"], total["num_failures"]) == (len(expected), 0)
        words = browser.end()
    assert "Traceback" not in words
    found = np.sort(load_samples(file).scheduled)
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=2e-6)


@pytest.mark.slow
def test_the_page_chooses_users_and_numbers_and_stops_what_can_not_be_asked(service: Server) -> None:
    with page("--class-picker", "--host", service.url) as browser:
        load = {"user_classes": "OpenArchitectureUser", "seconds": 1, "rate": 20}
        browser.fail("Choose from: small, large.", **load, architecture="huge")
        browser.fail("open users must have a rate", **load | {"rate": 0, "seconds": 0}, architecture="large")
        browser.fail("--seed must be a number of at least 0", **load, architecture="large", seed=-1)
        table = browser.run(**load, architecture="large", seed=0)
        assert [(row["name"], row["num_failures"]) for row in table] == [("/predict/large", 0), ("Aggregated", 0)]
