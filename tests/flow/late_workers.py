"""The locustfile, on a machine so busy that forked workers look for their master only when it has ended."""

import os

from gevent.monkey import get_original
from locust import runners

from loadtest.locustfile import *  # noqa: F403

POLL_SECONDS = 0.01
MASTER = os.getpid()
sleep = get_original("time", "sleep")
runners.CONNECT_TIMEOUT, runners.CONNECT_RETRY_COUNT = 1, 0
"""Once, for a second; Locust's own are five minutes."""


def wait_until_the_master_has_ended() -> None:
    while os.getppid() == MASTER:
        sleep(POLL_SECONDS)


os.register_at_fork(after_in_child=wait_until_the_master_has_ended)
