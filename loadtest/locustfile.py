"""Users that ask the service for predictions: ``locust -f loadtest/locustfile.py SmallUser LargeUser --host URL``.

A **closed loop**: each user waits for its answer before it asks again, without a pause between. A slow server is
therefore asked less often, and its latencies look better than independent callers would find them. Compare
architectures with it, at equal numbers of users; read no capacity from it.

Run it from the project's folder, headless or in Locust's web page. Every answer is checked for its values and its
release, not only for its status: a wrong one is a failure that is named as such.
"""

import locust  # first: it patches the standard library for gevent  # isort: skip

import functools
import gc
import itertools
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from locust.env import Environment
from locust.exception import StopTest
from locust.runners import LocalRunner

from loadtest.catalogue import read_catalogue, read_examples
from loadtest.errors import InputError
from loadtest.payloads import BODIES, Body, Payload, RequestKind, find_fault, make_request_kind
from loadtest.samples import SampleRecorder, save_samples
from service.contract import RELEASE_HEADER

INPUT_IS_WRONG = 2
"""Exit code; Locust's own 1 means that requests failed."""


class ArchitectureUser(locust.FastHttpUser):
    """Asks the architecture that ``--architecture`` names, as fast as the answers come."""

    architecture: str | None = None
    concurrency = 1  # a closed-loop user never has two requests under way
    wait_time = locust.constant(0)
    kind: RequestKind
    payloads: Iterator[Payload]

    def on_start(self) -> None:
        """Take the bodies that this user sends in turn. Raises StopTest where there are none to be had."""
        try:
            self.kind = request_kind_of(type(self), self.environment)
        except InputError as error:
            raise StopTest(str(error)) from None
        self.payloads = itertools.cycle(self.kind.payloads)
        self.headers = {"Content-Type": self.kind.media_type, "Accept": self.kind.media_type}
        self.labels = {"architecture": self.kind.architecture, "rows": self.kind.rows}

    def context(self) -> dict[str, Any]:
        """Label every request for ``record``."""
        return self.labels

    @locust.task
    def predict(self) -> None:
        """Ask once and check the answer."""
        payload = next(self.payloads)
        body: Any = payload.body  # bytes are taken as they are, though the annotation of ``data`` does not say so
        with self.client.post(self.kind.route, data=body, headers=self.headers, catch_response=True) as response:
            if response.status_code == 0:
                response.failure(f"no answer: {type(response.error).__name__}")
            elif response.status_code != 200:
                response.failure(f"status {response.status_code}")
            elif fault := find_fault(self.kind, payload, response.content, response.headers.get(RELEASE_HEADER)):
                response.failure(fault)


class SmallUser(ArchitectureUser):
    """Asks ``small``."""

    architecture = "small"


class LargeUser(ArchitectureUser):
    """Asks ``large``."""

    architecture = "large"


def request_kind_of(user: type[ArchitectureUser], environment: Environment) -> RequestKind:
    """Return what ``user`` asks of the host. Raises InputError."""
    options: Any = environment.parsed_options
    architecture = user.architecture or options.architecture
    if architecture is None:
        raise InputError("ArchitectureUser must know what to ask, however: none is named. Give --architecture NAME.")
    if not environment.host:
        raise InputError("a host must be given, however: there is none. Give --host URL.")
    with _one_at_a_time:  # a thousand users start at once, one of them fetches
        return _request_kind(environment.host, architecture, options.body, options.rows)


_one_at_a_time = threading.Lock()


@functools.cache
def _request_kind(host: str, architecture: str, body: Body, rows: int) -> RequestKind:
    card = read_catalogue(host).card(architecture)
    return make_request_kind(architecture, read_examples(host, architecture), body, rows, card.target.scale)


recorder = SampleRecorder(time.process_time)


@locust.events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Declare this file's options, in Locust's command line and web page."""
    parser.add_argument("--architecture", metavar="NAME", help="What ArchitectureUser asks; it then runs alone")
    parser.add_argument("--body", choices=BODIES, default="json", help="What is sent: features as JSON or .npy, or raw")
    parser.add_argument("--rows", type=int, default=1, help="Rows in each request")
    parser.add_argument(
        "--results", metavar="FILE", help="Write every request's latency there (.npz)", include_in_web_ui=False
    )


@locust.events.init.add_listener
def check_before_load(environment: Environment, runner: Any, **_: Any) -> None:
    """Choose the users and fetch their bodies; end with one line where that is impossible."""
    options: Any = environment.parsed_options
    if options.worker and not options.processes:
        return  # its master tells it whom to ask, later
    try:
        if options.results and not isinstance(runner, LocalRunner):
            raise InputError("--results needs one process, however: this is a distributed run. Leave it out.")
        users = choose_users(cast("list[type[ArchitectureUser]]", environment.user_classes), options)
        environment.user_classes[:] = users
        if environment.host or options.headless:
            for user in users:
                request_kind_of(user, environment)
    except InputError as error:
        if not options.worker:  # the processes of --processes all come here: one line is enough
            print(error, file=sys.stderr)
        sys.exit(INPUT_IS_WRONG)


def choose_users(users: list[type[ArchitectureUser]], options: Namespace) -> list[type[ArchitectureUser]]:
    """Return the named classes; with none named, the one for ``--architecture``, or all that need no such option."""
    if options.user_classes or options.class_picker:
        return list(users)
    return [user for user in users if (user.architecture is None) == (options.architecture is not None)]


@locust.events.test_start.add_listener
def start_recording(**_: Any) -> None:
    """Forget an earlier test's samples, and keep the garbage collector off what was imported."""
    recorder.clear()
    gc.collect()
    gc.freeze()


@locust.events.test_stop.add_listener
def forget_bodies(**_: Any) -> None:
    """Let the next test from the web page see a release that was saved meanwhile."""
    _request_kind.cache_clear()


@locust.events.request.add_listener
def record(start_time: float, response_time: float, context: dict[str, Any], exception: Any, **_: Any) -> None:
    """Keep one request: Locust's own statistics round to whole milliseconds."""
    recorder.record(
        start=start_time,
        latency_ms=response_time,
        rows=context["rows"],
        architecture=context["architecture"],
        failure=str(exception) if exception else None,
    )


@locust.events.quitting.add_listener
def write_results(environment: Environment, **_: Any) -> None:
    """Write the samples, and fail a run that asked nothing (Locust itself fails one in which requests failed)."""
    options: Any = environment.parsed_options
    if options.results:
        save_samples(recorder.finish(), Path(options.results))
    if options.headless and environment.stats.total.num_requests == 0:
        environment.process_exit_code = 1
