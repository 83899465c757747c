"""Closed loops and endless loads by real Locust: they end when told to, and what is under way then did not fail."""

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from loadtest.record.samples import CUT_OFF, NO_ANSWER, load_samples
from loadtest.target.server import Server
from tests.commands import ROOT
from tests.flow.loads import TRUE_ANSWERS, Dying, OneAtATime, locust, locust_beside, pretend
from tests.patience import PATIENCE_SECONDS

HEADLESS = ("--headless", "--only-summary", "--loglevel", "ERROR")


def test_users_that_wait_for_an_answer_end_with_the_test(service: Server, tmp_path: Path) -> None:
    file, users = tmp_path / "samples.npz", 4
    with pretend(OneAtATime, service.url) as server:
        options = ("--users", str(users), "--spawn-rate", str(users), "--run-time", "1s", "--results", str(file))
        ended = locust("SmallUser", "--host", server.url, *options)
    assert ended.returncode == 0, ended.stderr
    samples = load_samples(file)
    assert samples.count_failures().get(CUT_OFF, 0) <= users
    assert (samples.failure == 0).sum() > 1
    np.testing.assert_array_equal(samples.scheduled, samples.sent)


def test_users_of_a_service_that_dies_ask_on_and_end_with_the_test(service: Server, tmp_path: Path) -> None:
    file = tmp_path / "samples.npz"
    for seconds in (1, 10, 100):  # a busy machine may not ask it to death in the shorter ones
        with pretend(Dying, service.url) as server:
            ended = locust("SmallUser", "--host", server.url, "--run-time", f"{seconds}s", "--results", str(file))
        samples = load_samples(file)
        if NO_ANSWER in samples.status:
            break
    assert ended.returncode == 1
    assert (samples.failure == 0).sum() == TRUE_ANSWERS
    assert set(samples.status[samples.failure != 0]) == {NO_ANSWER}


@pytest.mark.parametrize("users", [("SmallUser",), ("OpenSmallUser", "--rate", "50")], ids=["closed", "open"])
def test_ctrl_c_ends_an_endless_load_which_keeps_its_samples(
    users: tuple[str, ...], service: Server, tmp_path: Path
) -> None:
    file = tmp_path / "samples.npz"
    with ExitStack() as stack:
        server = stack.enter_context(pretend(OneAtATime, service.url))
        asked = (*users, "--host", server.url, "--results", str(file))
        process = stack.enter_context(locust_beside(*HEADLESS, *asked))
        assert server.asked.wait(PATIENCE_SECONDS)
        process.send_signal(signal.SIGINT)
        words, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in words
    assert process.returncode in {0, 1}  # 1 where nothing had been answered yet
    assert set(load_samples(file).count_failures()) <= {CUT_OFF}


INTERRUPTED_AT_WORK = """
import locust, gevent, signal
from loadtest.generator import stopping

stopping.interrupt_where_locust_waits()

def work():
    signal.raise_signal(signal.SIGINT)
    gevent.sleep(60)

try:
    gevent.spawn(work).join()
except KeyboardInterrupt:
    print("interrupted where it waits")
"""


def test_ctrl_c_reaches_locust_and_not_the_user_that_works_just_then() -> None:
    command = [sys.executable, "-c", INTERRUPTED_AT_WORK]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert (ended.stdout, ended.stderr) == ("interrupted where it waits\n", "")
