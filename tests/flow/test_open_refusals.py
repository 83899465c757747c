"""What Locust is asked that can't be done: one line before anything is loaded, and exit code 2."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from loadtest.target.server import Server
from tests.flow.loads import LOCUSTFILE, in_processes, locust

AT_A_TIME = 2
OPEN = ("OpenSmallUser", "--rate", "5", "--seconds", "1")
REFUSED = {
    "open users without a rate": (("OpenSmallUser", "--seconds", "1"), "Give --rate ARRIVALS_PER_SECOND."),
    "a rate below 0": (("OpenSmallUser", "--rate", "-5"), "--rate must be a number of at least 0, however: -5.0"),
    "nothing under way": ((*OPEN, "--most-under-way", "0"), "--most-under-way must be a number of at least 1"),
    "longer than anything is waited for": ((*OPEN, "--slo-p99-ms", "3e4"), "--slo-p99-ms must be below 30000, as"),
    "no rows": ((*OPEN, "--rows", "0"), "rows for each request must be at least 1"),
    "an architecture unknown to the host": (
        ("--architecture", "huge", "--rate", "5"),
        "however: 'huge'. Choose from: small, large.",
    ),
    "no architecture": (("OpenArchitectureUser", "--rate", "5"), "Give --architecture NAME."),
    "nobody there": ((*OPEN, "--host", "http://127.0.0.1:9"), "Start it or correct --host."),
    "a folder that does not exist": ((*OPEN, "--results", "nowhere/samples.npz"), "or make its folder."),
    "the same in two processes": (("OpenSmallUser", *in_processes(2)), "Give --rate ARRIVALS_PER_SECOND."),
    "the same before these are there": (("OpenSmallUser", *in_processes(2)), "Give --rate ARRIVALS_PER_SECOND."),
}
LOCUSTFILES = {"the same before these are there": "tests/flow/late_workers.py"}


@pytest.fixture(scope="module")
def ended(service: Server) -> dict[str, subprocess.CompletedProcess[str]]:
    """How each of ``REFUSED`` ends; two at a time, for starting them takes most of the time."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = {
            name: pool.submit(locust, "--host", service.url, *arguments, locustfile=LOCUSTFILES.get(name, LOCUSTFILE))
            for name, (arguments, _) in REFUSED.items()
        }
        return {name: future.result() for name, future in futures.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_asked_is_refused_in_one_line(
    name: str, ended: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    result = ended[name]
    assert result.returncode == 2
    assert REFUSED[name][1] in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stdout == ""
