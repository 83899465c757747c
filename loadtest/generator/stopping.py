"""End a test when every source of arrivals, in one process or in several, has come to its end, or at Ctrl-C."""

import signal
from typing import Any

import gevent
import psutil
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

FINISHED = "source-finished"
"""Message of a worker to its master, with the requests that it had not reported."""
ASKED = "asked"

_finished = 0
_asked = 0


def begin() -> None:
    """Count from here: a test starts."""
    global _finished, _asked  # noqa: PLW0603  # of this process, as Locust's runner is
    _finished = _asked = 0


def interrupt_where_locust_waits() -> None:
    """Let Ctrl-C reach Locust alone, and no user.

    Python raises KeyboardInterrupt in whatever runs when the signal comes. Where that is a user in the middle of a
    request, gevent prints its traceback. Locust expects the interruption where it waits: in the main greenlet, which
    is the parent of gevent's hub.
    """
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.get_hub().parent, KeyboardInterrupt)


def kill_own_workers() -> None:
    """End the workers that ``--processes`` forked from this master, before a load.

    Locust 2.47 leaves those that have not met their master yet to themselves: they look for it for five minutes, and
    then print that there is none. They have nothing to lose, and no other signal is silent wherever they are.
    """
    for worker in psutil.Process().children():
        worker.kill()


def listen(environment: Environment) -> None:
    """Let a master hear of its workers' sources."""
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message(
            FINISHED, lambda environment, msg, **_: _count(environment, msg.data[ASKED])
        )


def tell_finished(environment: Environment) -> None:
    """Say that one source has come to its end."""
    asked = environment.stats.total.num_requests
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message(FINISHED, {ASKED: asked})
    else:
        _count(environment, asked)


def asked_nothing(environment: Environment) -> bool:
    """Whether no request was sent, as far as this process knows.

    A master ends half a second after its last source, and the workers' last statistics may come too late for it
    (Locust 2.47): what they had not reported until then they say with the end of each source.
    """
    return environment.stats.total.num_requests + _asked == 0


def is_over(environment: Any) -> bool:
    """Whether every source of arrivals has come to its end."""
    return bool(_finished >= environment.runner.target_user_count)


def _count(environment: Any, asked: int) -> None:
    """End the test with its last source: headless the whole run, in the web page the test alone."""
    global _finished, _asked  # noqa: PLW0603
    _finished += 1
    _asked += asked
    if is_over(environment):
        runner = environment.runner
        gevent.spawn(runner.quit if environment.parsed_options.headless else runner.stop)
