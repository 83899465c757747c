"""The locustfile, on a machine so busy that the workers' last statistics come after their master has ended."""

import gevent
from locust.runners import WorkerRunner

from loadtest.locustfile import *  # noqa: F403

LATE_SECONDS = 2.0
send_stats = WorkerRunner._send_stats


def send_stats_late(runner: WorkerRunner) -> None:
    gevent.sleep(LATE_SECONDS)
    send_stats(runner)


WorkerRunner._send_stats = send_stats_late  # type: ignore[method-assign,assignment]
