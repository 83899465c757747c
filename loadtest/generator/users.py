"""Users that ask one architecture for predictions and check every answer: in a closed loop, or as arrivals come.

**Closed loop** (``ClosedUser``): each user waits for its answer before it asks again, without a pause between. A slow
server is therefore asked less often, and its latencies look better than independent callers would find them.

**Open arrivals** (``OpenUser``): each user is a source of arrivals that comes at its seeded times whatever the server
does, one greenlet for each. A latency counts from the instant at which the arrival was due: the generator's own delay
and the wait for a connection are in it, so that nothing hides a queue.
"""

import locust  # first: it patches the standard library for gevent  # isort: skip

import itertools
import time
from typing import Any

import gevent
from locust.env import Environment
from locust.exception import StopTest, StopUser
from locust.runners import WorkerRunner
from locust.user.task import LOCUST_STATE_STOPPING

from loadtest.generator.arrivals import Schedule
from loadtest.generator.client import Client, ClientError, HttpAnswer
from loadtest.generator.greenlets import Crew
from loadtest.generator.prepared import check_numbers, check_rate, requests_of
from loadtest.generator.roster import tell_unable
from loadtest.generator.stopping import tell_finished
from loadtest.generator.timer import Alarm
from loadtest.record.errors import InputError
from loadtest.record.samples import CUT_OFF, DROPPED, NO_ANSWER, REFUSED, UNTIMED, SampleRecorder
from loadtest.target.payloads import find_mistake, parse_timing
from service.contract.routes import RELEASE_HEADER

RELEASE_KEY = RELEASE_HEADER.lower().encode()
TIMING_KEY = b"server-timing"
LEAD_SECONDS = 0.1
"""From a source's begin to the zero of its schedule: what is set up in between delays no arrival."""
LAST_ANSWERS_SECONDS = 5.0
"""What is not answered so long after the last arrival is cut off, unless the SLO gives it longer."""
AFTER_SLO_SECONDS = 1.0
"""And so long after the last answer that the SLO allows."""

recorder = SampleRecorder()
_sources = itertools.count()
"""Numbers the sources of this process, so that each has arrivals of its own."""


def restart_sources() -> None:
    """Count sources from 0 again: the next test offers the same arrivals."""
    global _sources  # noqa: PLW0603  # of this process, as Locust's runner is
    _sources = itertools.count()


class WrongAnswerError(Exception):
    """What Locust counts as a failure; its text is the reason."""


class PredictionUser(locust.User):
    """Asks ``architecture``, or what ``--architecture`` names."""

    abstract = True
    architecture: str | None = None
    timed = False
    """Whether it asks the service for the time of its stages."""
    gives_up = False
    """Whether it cuts off what is under way because it waited in vain: a failure, which the end of a test is not."""

    def __init__(self, environment: Environment) -> None:
        """Take the requests that this user sends in turn. Where it can't be asked what is wanted, the test ends.

        Raises StopTest, and only here: Locust 2.47 swallows it in ``on_start``. In a worker, whose master would not
        hear of it, raises GreenletExit.
        """
        super().__init__(environment)
        try:
            self.check_options(environment.parsed_options)
            self.kind, self.requests = requests_of(self.architecture, environment, timed=self.timed)
        except InputError as error:
            if isinstance(environment.runner, WorkerRunner):
                tell_unable(environment, str(error))
            raise StopTest(str(error)) from None
        self.client = Client(self.environment.host)
        self.release = self.kind.release.encode()
        self.known_right: list[bytes | None] = [None] * len(self.requests)
        """By request: the last answer that was right, None before there was any. The same bytes are right again."""

    def check_options(self, options: Any) -> None:
        """Check the numbers: the web page takes any. Raises InputError."""
        check_numbers(options)

    def on_stop(self) -> None:
        """Close the connections."""
        self.client.close()

    def ask(self, number: int, due: float | None = None) -> str | None:
        """Send request ``number``, check the answer and keep the sample; return why it failed, None where it did not.

        due: when it was scheduled, or now.
        """
        place = number % len(self.requests)
        sent = time.perf_counter()
        scheduled = sent if due is None else due
        try:
            answer = self.client.ask(self.requests[place][1])
        except ClientError as error:
            failure: str | None = str(error)
            self.keep(scheduled, sent, time.perf_counter(), failure=failure)
            return failure
        except gevent.GreenletExit:  # raised again: a closed loop would go on for ever
            self.keep(scheduled, sent, time.perf_counter(), failure=CUT_OFF, tell=self.gives_up)
            raise
        done = time.perf_counter()
        failure = self._find_failure(place, answer)
        timing = parse_timing(answer.headers.get(TIMING_KEY, b""))
        self.keep(scheduled, sent, done, status=answer.status, failure=failure, timing=timing, length=len(answer.body))
        return failure

    def _find_failure(self, place: int, answer: HttpAnswer) -> str | None:
        if answer.status != 200:
            return f"status {answer.status}"
        release = answer.headers.get(RELEASE_KEY, b"")
        if answer.body == self.known_right[place] and release == self.release:
            return None
        failure = find_mistake(self.kind, self.requests[place][0], answer.body, release.decode("latin-1"))
        if failure is None:
            self.known_right[place] = answer.body
        return failure

    def keep(
        self,
        scheduled: float,
        sent: float,
        done: float,
        *,
        failure: str | None,
        status: int = NO_ANSWER,
        timing: tuple[float, ...] = UNTIMED,
        length: int = 0,
        tell: bool = True,
    ) -> None:
        """Keep one sample, and tell Locust of it."""
        recorder.record(
            scheduled=scheduled,
            sent=sent,
            done=done,
            status=status,
            failure=failure,
            rows=self.kind.rows,
            architecture=self.kind.architecture,
            timing=timing,
        )
        if not tell:
            return
        self.environment.events.request.fire(
            request_type="POST",
            name=self.kind.route,
            response_time=(done - scheduled) * 1000,
            response_length=length,
            exception=None if failure is None else WrongAnswerError(failure),
            context={},
        )


class ClosedUser(PredictionUser):
    """Asks again as soon as it is answered."""

    abstract = True
    wait_time = locust.constant(0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.numbers = itertools.count()

    @locust.task
    def predict(self) -> None:
        """Ask once."""
        self.ask(next(self.numbers))


class OpenUser(PredictionUser):
    """A source of arrivals, by the options ``--rate --arrivals --shape --seconds --seed``."""

    abstract = True
    timed = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.under_way, self.late = Crew(), 0
        options: Any = environment.parsed_options
        self.slo_seconds = options.slo_p99_ms / 1000

    def check_options(self, options: Any) -> None:
        """Check the rate as well. Raises InputError."""
        super().check_options(options)
        check_rate(options)

    def on_stop(self) -> None:
        """Give up what is under way."""
        self.under_way.kill()
        super().on_stop()

    @locust.task
    def arrive(self) -> None:
        """Send every request of the schedule when it is due; then tell that it is over."""
        options: Any = self.environment.parsed_options
        instants = self._schedule(options).times()
        first = list(itertools.islice(instants, 1))  # draws the first stretch, which takes a part of the lead
        alarm = Alarm()
        try:
            begin = time.perf_counter() + LEAD_SECONDS
            for number, instant in enumerate(itertools.chain(first, instants)):
                alarm.sleep_until(begin + instant)
                if self._state == LOCUST_STATE_STOPPING or 0 < options.stop_after_late <= self.late:
                    break
                self._send(number, begin + instant, in_warm_up=instant < options.warm_up)
        finally:
            alarm.close()
        if self._state != LOCUST_STATE_STOPPING:
            if not options.stop_after_late or self.late < options.stop_after_late:
                self.under_way.join(max(LAST_ANSWERS_SECONDS, self.slo_seconds + AFTER_SLO_SECONDS))
            self.gives_up = True
            self.under_way.kill()
            tell_finished(self.environment)
        raise StopUser

    def _schedule(self, options: Any) -> Schedule:
        index = getattr(self.environment.runner, "worker_index", 0)
        return Schedule(
            rate=options.rate,
            seconds=options.seconds,
            arrivals=options.arrivals,
            shape=options.shape,
            seed=(options.seed, max(index, 0), next(_sources)),
        )

    def _send(self, number: int, due: float, *, in_warm_up: bool) -> None:
        options: Any = self.environment.parsed_options
        if len(self.under_way) >= options.most_under_way:
            now = time.perf_counter()
            self.keep(due, now, now, failure=DROPPED)
            self.late += not in_warm_up
        elif in_warm_up:
            self.under_way.call(self.ask, number, due)
        else:
            self.under_way.call(self._ask_and_judge, number, due)

    def _ask_and_judge(self, number: int, due: float) -> None:
        refused = self.ask(number, due) == REFUSED
        self.late += refused or time.perf_counter() - due > self.slo_seconds
