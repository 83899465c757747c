"""The servers with a known law, which prove the load test: what they do is what their truth says."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import numpy as np
import pytest

from loadtest.study.machine import available
from loadtest.target.catalogue import read_catalogue, read_examples
from loadtest.target.counters import read_counters
from service.contract.routes import RELEASE_HEADER, predict_route
from tests.bench.known import serve_known
from tests.bench.known_models import ANSWER
from tests.bench.lines import LAWS, Line
from tests.bench.truths import LEVELS, dm1_quantile, quantiles_ms, served, simulate

STALLING = next(line for line in LAWS if line.stall_every)
EVEN = next(line for line in LAWS if line.arrivals == "constant")


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with serve_known(available()[0]) as url:
        yield url


@pytest.mark.parametrize("line", [line for line in LAWS if line.load <= 0.6], ids=lambda line: str(line.name))
def test_truths_agree_with_a_simulation_that_they_do_not_rest_on(line: Line) -> None:
    # A million requests at most: a 99th percentile scatters by 1.5 %.
    np.testing.assert_allclose(simulate(line, seed=99) * 1000, quantiles_ms(line), rtol=0.05)


def test_even_arrivals_at_a_light_load_do_not_wait() -> None:
    """Then the time in the system is the service time, exponential with its own mean."""
    np.testing.assert_allclose(
        [dm1_quantile(level, 0.05, 1.0) for level in LEVELS], [-np.log1p(-level) for level in LEVELS], rtol=1e-6
    )


def test_working_time_stands_still_in_a_stall() -> None:
    every, stall = STALLING.stall_every, STALLING.stall_seconds
    instants = np.array([0.0, stall / 2, stall, every, every + stall, every + stall + 1])
    working = STALLING.working(instants)
    np.testing.assert_allclose(working, [0, 0, 0, every - stall, every - stall, every - stall + 1])
    np.testing.assert_allclose(STALLING.instants(working[2:]), [stall, every + stall, every + stall, every + stall + 1])


def test_who_arrives_in_a_stall_is_served_after_it() -> None:
    every, stall = STALLING.stall_every, STALLING.stall_seconds
    arrivals = np.array([100 * every + 0.1, 100 * every + 0.2, 100 * every + stall + 1])
    service = np.full(3, STALLING.mean)
    expected = [stall - 0.1 + STALLING.mean, stall - 0.2 + 2 * STALLING.mean, STALLING.mean]
    np.testing.assert_allclose(STALLING.sojourns(arrivals, service), expected, atol=1e-9)


def test_requests_get_the_service_times_that_follow_those_of_earlier_ones() -> None:
    arrivals = np.linspace(0, 900, 10)  # so far apart that nobody waits
    np.testing.assert_allclose(served(EVEN, arrivals[:4], first=6), served(EVEN, arrivals, first=0)[6:])


def test_a_known_server_speaks_the_contract_as_far_as_a_load_test_needs_it(host: str) -> None:
    assert read_catalogue(host).cards.keys() > {line.name for line in LAWS}
    row = read_examples(host, EVEN.name).rows.features[0]
    connection = http.client.HTTPConnection(urlsplit(host).netloc)
    for _ in range(3):
        connection.request("POST", predict_route(EVEN.name), json.dumps({"features": [row] * 5}))
        answer = connection.getresponse()
        assert json.load(answer) == {
            "predictions": [ANSWER] * 5,
            "architecture": EVEN.name,
            "release": answer.headers[RELEASE_HEADER],
        }
    connection.close()
    counters = read_counters(host)
    assert counters is not None
    assert counters.of(EVEN.name, "json") == 3


def test_a_known_server_knows_nothing_else(host: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(host).netloc)
    connection.request("GET", "/elsewhere")
    assert connection.getresponse().status == 404
    connection.close()
