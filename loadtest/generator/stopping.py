"""End a test when every source of arrivals, in one process or in several, has come to its end, or at Ctrl-C."""

import signal
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

FINISHED = "source-finished"
"""Message of a worker to its master."""

_finished = 0


def begin() -> None:
    """Count from here: a test starts."""
    global _finished  # noqa: PLW0603  # of this process, as Locust's runner is
    _finished = 0


def interrupt_where_locust_waits() -> None:
    """Let Ctrl-C reach Locust alone, and no user.

    Python raises KeyboardInterrupt in whatever runs when the signal comes. Where that is a user in the middle of a
    request, gevent prints its traceback. Locust expects the interruption where it waits: in the main greenlet, which
    is the parent of gevent's hub.
    """
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.get_hub().parent, KeyboardInterrupt)


def listen(environment: Environment) -> None:
    """Let a master hear of its workers' sources."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message(FINISHED, lambda environment, msg, **_: _count(environment))


def tell_finished(environment: Environment) -> None:
    """Say that one source has come to its end."""
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message(FINISHED)
    else:
        _count(environment)


def _count(environment: Any) -> None:
    """End the test with its last source: headless the whole run, in the web page the test alone."""
    global _finished  # noqa: PLW0603
    _finished += 1
    runner = environment.runner
    if _finished >= runner.target_user_count:
        gevent.spawn(runner.quit if environment.parsed_options.headless else runner.stop)
