"""Users for Locust: ``locust -f loadtest/locustfile.py SmallUser LargeUser --host URL``.

``SmallUser``, ``LargeUser`` and ``ArchitectureUser`` (with ``--architecture NAME``) are a closed loop: each waits for
its answer before it asks again. Compare architectures with them, at equal numbers of users; read no capacity from them.

``OpenSmallUser``, ``OpenLargeUser`` and ``OpenArchitectureUser`` are sources of open arrivals: each offers ``--rate``
arrivals/s by its own seeded schedule, whatever the service does, and latencies count from the scheduled instants. They
are chosen where ``--rate`` is given and no user is named.

Run it from the project's folder, headless or in Locust's web page, in one process, with ``--processes``, or as master
and workers: whichever it is, one process writes the samples of all, and ``--report`` judges them by the gates of a
study. Every answer is checked for its values and its release, not only for its status: a wrong one is a failure that is
named as such.
"""

import locust  # first: it patches the standard library for gevent  # isort: skip

import gc
import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, cast

from gevent.lock import RLock
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.generator import prepared, stopping
from loadtest.generator.gathering import Gatherer, send_samples
from loadtest.generator.roster import Roster, listen_as_worker
from loadtest.generator.users import ClosedUser, OpenUser, PredictionUser, recorder, restart_sources
from loadtest.record.errors import InputError
from loadtest.record.results import Results
from loadtest.record.results_file import check_file, make_folder, save_results
from loadtest.record.samples import Samples, save_samples
from loadtest.record.trials import ARRIVALS, BODIES, SHAPES
from loadtest.report.single import say_single
from loadtest.study.open_run import OpenRun, check_report

INPUT_IS_WRONG = 2
"""Exit code; Locust's own 1 means that requests failed."""
COLLECT_EVERY = 50_000
"""Allocations between two garbage collections: each delays whatever is due meanwhile."""
_roster: Roster | None = None
_gatherer: Gatherer | None = None
_run: OpenRun | None = None
_results: Results | None = None
_unwritten: str | None = None
_quitting, _quits = RLock(), False
"""Of this process, as Locust's runner is: those of a master, and what ``--report`` judges."""


class ArchitectureUser(ClosedUser):
    """Asks the architecture that ``--architecture`` names, as fast as the answers come."""


class SmallUser(ClosedUser):
    """Asks ``small``, as fast as the answers come."""

    architecture = "small"


class LargeUser(ClosedUser):
    """Asks ``large``, as fast as the answers come."""

    architecture = "large"


class OpenArchitectureUser(OpenUser):
    """Offers arrivals to the architecture that ``--architecture`` names."""


class OpenSmallUser(OpenUser):
    """Offers arrivals to ``small``."""

    architecture = "small"


class OpenLargeUser(OpenUser):
    """Offers arrivals to ``large``."""

    architecture = "large"


@locust.events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Declare this file's options, in Locust's command line and web page."""
    add = parser.add_argument
    add("--architecture", metavar="NAME", help="What ArchitectureUser or OpenArchitectureUser asks; it then runs alone")
    add("--body", choices=BODIES, default="json", help="What is sent: features as JSON or .npy, or raw values as JSON")
    add("--rows", type=int, default=1, help="Rows in each request")
    add("--rate", type=float, default=0.0, help="Open arrivals/s of each user; chooses the open users")
    add("--arrivals", choices=ARRIVALS, default="poisson", help="Open arrivals: independent of each other, or even")
    add("--shape", choices=SHAPES, default="constant", help="Open arrivals: how the rate changes over --seconds")
    add("--seconds", type=float, default=0.0, help="Open arrivals: ends after these; 0 repeats the shape each minute")
    add("--seed", type=int, default=0, help="Open arrivals: the same seed, the same instants")
    add("--most-under-way", type=int, default=1000, help="Open arrivals: one that finds so many under way is dropped")
    add("--warm-up", type=float, default=0.0, help="Open arrivals: seconds in which an answer is never late")
    add("--slo-p99-ms", type=float, default=50.0, help="Open arrivals: an answer that takes longer is late")
    add("--stop-after-late", type=int, default=0, help="Open arrivals: ends after so many late answers; 0 never")
    # As text: a master sends its options to its workers.
    add("--api-key-file", metavar="FILE", help="Holds the service's API key", include_in_web_ui=False)
    add("--results", metavar="FILE", help="Write every request there (.npz)", include_in_web_ui=False)
    several = "What answers is several replicas, of which each counts its own requests: --report compares no counts"
    add("--many-replicas", action="store_true", help=several, include_in_web_ui=False)
    folder = "Open arrivals, headless: write a report there, and end with 1 where a gate of python -m loadtest failed"
    add("--report", metavar="FOLDER", help=folder, include_in_web_ui=False)


@locust.events.init.add_listener
def check_before_load(environment: Environment, **_: Any) -> None:
    """Choose the users and fetch their bodies; end with one line where that is impossible."""
    options: Any = environment.parsed_options
    stopping.interrupt_where_locust_waits()
    _listen(environment)
    if options.worker:
        return  # its master checks, and tells it whom to ask
    try:
        prepared.check_numbers(options)
        _check_file(options)
        users = choose_users(cast("list[type[PredictionUser]]", environment.user_classes), options)
        environment.user_classes[:] = users
        if options.headless or (environment.host and not options.class_picker):  # else the page says whom and where
            for user in users:
                prepared.requests_of(user.architecture, environment, timed=user.timed)
        if options.report:
            check_report(options, [issubclass(user, OpenUser) for user in users])
    except InputError as error:
        stopping.kill_own_workers()
        print(error, file=sys.stderr)
        sys.exit(INPUT_IS_WRONG)


def _listen(environment: Environment) -> None:
    """Let a master hear of its workers, and a worker of its master."""
    global _roster, _gatherer  # noqa: PLW0603
    stopping.listen(environment)
    if isinstance(environment.runner, MasterRunner):
        _roster = Roster(environment)
        _gatherer = Gatherer(environment.runner, _roster)
    elif isinstance(environment.runner, WorkerRunner):
        listen_as_worker(environment)


def _check_file(options: Namespace) -> None:
    """Find out before the load whether its samples and its report can be written."""
    if options.report:
        make_folder(Path(options.report), "--report")
    if options.results:
        check_file(Path(options.results), "--results")


def choose_users(users: list[type[PredictionUser]], options: Namespace) -> list[type[PredictionUser]]:
    """Return the named classes; with none named, open or closed ones, for ``--architecture`` or without that option.

    Raises InputError for open users without a rate.
    """
    if options.user_classes or options.class_picker:
        chosen = list(users)
    else:
        kind = OpenUser if options.rate else ClosedUser
        named = options.architecture is not None
        chosen = [user for user in users if issubclass(user, kind) and (user.architecture is None) == named]
    if not options.class_picker and any(issubclass(user, OpenUser) for user in chosen):
        prepared.check_rate(options)
    return chosen


@locust.events.test_start.add_listener
def start_recording(environment: Environment, **_: Any) -> None:
    """Forget an earlier test's samples, and keep the garbage collector off what was imported; meet the workers."""
    global _run  # noqa: PLW0603
    options: Any = environment.parsed_options
    stopping.begin()
    restart_sources()
    if options.report and not isinstance(environment.runner, WorkerRunner):
        (user,) = cast("list[type[PredictionUser]]", environment.user_classes)
        _run = OpenRun.begin(
            options, environment.host or "", user.architecture or options.architecture, options.num_users
        )
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, *gc.get_threshold()[1:])
    recorder.clear()
    if _roster is not None and _gatherer is not None:
        _gatherer.begin()
        _roster.begin()


@locust.events.test_stop.add_listener
def stop_recording(**_: Any) -> None:
    """End the generator's account, and let the next test from the web page see a release that was saved meanwhile."""
    recorder.stop()
    prepared.forget()


@locust.events.quitting.add_listener
def write_results(environment: Environment, **_: Any) -> None:
    """Write the samples, and fail a run that asked nothing (Locust itself fails one in which requests failed)."""
    global _quits  # noqa: PLW0603
    # Locust 2.47 sends it to workers three seconds after the end, which is too early for a million samples.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _quitting:  # at SIGTERM Locust 2.47 comes here twice, side by side
        if not _quits:
            _quits = True
            _end(environment)


def _end(environment: Environment) -> None:
    global _unwritten  # noqa: PLW0603
    options: Any = environment.parsed_options
    runner: Any = environment.runner
    if options.results or options.report:
        if not isinstance(runner, WorkerRunner):
            samples = recorder.finish() if _gatherer is None else _gatherer.gather()
            try:
                _write(options, samples, environment)
            except OSError as error:
                _unwritten = f"what was asked for must be written, however: {error}. Make room, and repeat the run."
                environment.process_exit_code = 1
        # One that was not told to end by its master has spoilt the run, and still reads what its master sends.
        elif recorder.started and not runner.greenlet and not send_samples(runner, recorder.finish()):
            print("the master must take all samples, however: it has gone. Repeat the run.", file=sys.stderr)
            environment.process_exit_code = 1
    judges = options.headless and not isinstance(runner, WorkerRunner)  # its master has a worker's statistics
    if judges and stopping.asked_nothing(environment):
        environment.process_exit_code = environment.process_exit_code or 1


def _write(options: Namespace, samples: Samples | None, environment: Environment) -> None:
    """Write what was asked for. samples: None where they are not a whole load's."""
    global _results  # noqa: PLW0603
    if samples is None:
        return
    if options.results:
        save_samples(samples, Path(options.results))
    if _run is not None:
        from loadtest.report.outputs import save_report  # takes seconds, and most runs need none

        generators = 1 if _roster is None else len(_roster.workers)
        _results = _run.conclude(samples, generators, whole=stopping.is_over(environment))
        save_results(_results, Path(options.report))
        save_report(_results, Path(options.report))
        if not _results.valid:
            environment.process_exit_code = environment.process_exit_code or 1


@locust.events.quit.add_listener
def say_last(**_: Any) -> None:
    """Say what the run was worth, after all that Locust prints."""
    if _roster is not None:
        _roster.say_last()
    if _unwritten is not None:
        print(_unwritten, file=sys.stderr)
    elif _results is not None:
        print(*say_single(_results), sep="\n")
