"""The generators of a test under a master: of one version, with clocks that agree, the same from begin to end.

Locust 2.47 only warns of another version of its own, knows nothing of this program's, and goes on with whoever is left
when a worker is gone: the figures would be those of another load. Here such a test ends, and says why in one line.
"""

import platform
import sys
import time
from typing import Any, NoReturn

import gevent
import locust
import zmq
from gevent.event import Event
from locust.env import Environment
from locust.rpc import Message
from locust.runners import STATE_MISSING, STATE_STOPPED, STATE_STOPPING

from service import __version__

ASK, ANSWER, REFUSE = "archscale-who", "archscale-it-is", "archscale-refused"
"""Messages: a master asks each worker who it is; a worker that can't take part is told why."""
UNABLE = "archscale-unable"
"""A worker that finds out itself that it can't tells its master why."""
VERSION, CLOCK = "version", "clock"
NODE_IS_WRONG, RUN_IS_INVALID = 2, 1
"""Exit codes."""
ATTEMPTS, ATTEMPT_SECONDS = 20, 0.5
"""A worker of this version answers at once, unless it has just connected; others never do."""
CLOCKS_SECONDS = 0.1
"""That a worker's clock may be off: its samples are set among those of others by it."""
WATCH_SECONDS = 0.5
SILENT_SECONDS = 30.0
"""After which a worker that is still connected counts as lost: its machine is gone, or far too busy."""


def describe_version() -> str:
    """Return what runs here."""
    return f"archscale {__version__} with Locust {locust.__version__}"


def listen_as_worker(environment: Environment) -> None:
    """Answer a master that asks, and end with its words where it refuses."""
    runner: Any = environment.runner

    def answer(**_: Any) -> None:
        runner.send_message(ANSWER, {VERSION: describe_version(), CLOCK: time.time()})

    def end(msg: Message, **_: Any) -> None:
        print(msg.data, file=sys.stderr)
        environment.process_exit_code = NODE_IS_WRONG
        gevent.spawn(runner.quit)

    runner.register_message(ASK, answer)
    runner.register_message(REFUSE, end)


def tell_unable(environment: Environment, why: str) -> NoReturn:
    """Say in a worker that starts its users why it can't; these start no more."""
    runner: Any = environment.runner
    runner.send_message(UNABLE, why)
    raise gevent.GreenletExit


class Roster:
    """What a master knows of its workers. environment: Locust's, with a MasterRunner (of few types: hence Any)."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._runner = environment.runner
        self._asked_at: dict[str, float] = {}
        self._versions: dict[str, str] = {}
        self._ahead: dict[str, float] = {}
        self._complete = Event()
        self.workers: tuple[str, ...] = ()
        """Those of the test that runs, or ran last."""
        self.problem: str | None = None
        """Why there is no such test, or why it is invalid."""
        self._runner.register_message(ANSWER, self._note)
        self._runner.register_message(UNABLE, self._dismiss)

    def begin(self) -> None:
        """Ask who everybody is, and watch them from here.

        Where one can't take part the run ends: raises GreenletExit, so that Locust, which fires this, starts nobody.
        """
        self.problem, self.workers = None, tuple(self._present())
        self._ask_everybody()
        refused = {worker: why for worker in self.workers if (why := self._refuse(worker))}
        for worker, why in refused.items():
            self._runner.send_message(REFUSE, why, client_id=worker)
        if refused:
            self._end(next(iter(refused.values())), NODE_IS_WRONG)
            raise gevent.GreenletExit
        gevent.spawn(self._watch)

    def is_reachable(self, worker: str) -> bool:
        """Whether its connection stands: a process that was killed has none any more, however busy others are."""
        socket: Any = self._runner.server.socket
        # Otherwise what is sent to nobody is dropped in silence (zmq_setsockopt(3)); Locust relies on that.
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            beat = Message("heartbeat", None, worker).serialize()  # type: ignore[no-untyped-call]
            socket.send_multipart([worker.encode(), beat], zmq.NOBLOCK)
        except zmq.Again:
            return True
        except zmq.ZMQError:
            return False
        finally:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        return True

    def _ask_everybody(self) -> None:
        self._versions.clear()
        self._complete.clear()
        self._asked_at = dict.fromkeys(self.workers, time.time())
        for _ in range(ATTEMPTS):
            for worker in self._silent():
                self._runner.send_message(ASK, client_id=worker)
            if not self._silent() or self._complete.wait(ATTEMPT_SECONDS):
                return

    def _present(self) -> list[str]:
        """Return those that Locust sends users to."""
        return [worker for worker, node in self._runner.clients.items() if node.state != STATE_MISSING]

    def _silent(self) -> list[str]:
        return [each for each in self.workers if each not in self._versions and self.is_reachable(each)]

    def _note(self, msg: Message, **_: Any) -> None:
        """Keep a version, and how far a clock is off beyond what the way of the messages explains."""
        asked, answered, clock = self._asked_at.get(msg.node_id), time.time(), msg.data[CLOCK]
        if asked is None:
            return  # to a question of an earlier test
        self._versions[msg.node_id] = msg.data[VERSION]
        self._ahead[msg.node_id] = clock - min(max(clock, asked), answered)
        if not self._silent():
            self._complete.set()

    def _refuse(self, worker: str) -> str | None:
        """Say why a worker can't take part; None where it can."""
        name, own, theirs = self.name(worker), describe_version(), self._versions.get(worker)
        if theirs is None and not self.is_reachable(worker):
            return f"workers must be there when a run begins, however: {name} has gone. Start it, and repeat the run."
        if theirs != own:
            what = theirs or "something that does not say its version"
            return (
                f"workers must run what their master runs, {own}, however: {name} runs {what}. "
                "Install one version on all machines."
            )
        ahead = self._ahead[worker]
        if abs(ahead) > CLOCKS_SECONDS:
            return (
                f"workers' clocks must agree with their master's to {CLOCKS_SECONDS:g} s, however: that of {name} is "
                f"{abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}. Set them by NTP."
            )
        return None

    def _dismiss(self, msg: Message, **_: Any) -> None:
        """End the run that a worker is unable to take part in; one of the web page stays for the next test."""
        if self._headless:
            self._runner.send_message(REFUSE, msg.data, client_id=msg.node_id)
        if self.problem is None:
            self._end(f"{self.name(msg.node_id)}: {msg.data}", NODE_IS_WRONG)

    def _watch(self) -> None:
        while True:
            gevent.sleep(WATCH_SECONDS)
            if self._runner.state in (STATE_STOPPING, STATE_STOPPED):
                return
            if why := self._find_change():
                what = f"the workers must be the same from begin to end, however: {why}. The run is invalid: repeat it."
                self._end(what, RUN_IS_INVALID)
                return

    def _find_change(self) -> str | None:
        clients = self._runner.clients
        for worker in self.workers:
            if worker not in clients:
                return f"{self.name(worker)} ended before its end"
            if not self.is_reachable(worker):
                return f"{self.name(worker)} was lost before its end"
            # Locust counts a second down each second, and up to 3 whenever it hears of the worker.
            if clients[worker].heartbeat < -SILENT_SECONDS:
                return f"{self.name(worker)} was not heard of for {SILENT_SECONDS:g} s"
        late = next((worker for worker in self._present() if worker not in self.workers), None)
        return None if late is None else f"{self.name(late)} came after its begin"

    def fail(self, problem: str, exit_code: int = RUN_IS_INVALID) -> None:
        """Note why the run is none."""
        self.problem = problem
        self._environment.process_exit_code = exit_code
        if not self._headless:
            print(problem, file=sys.stderr)

    def say_last(self) -> None:
        """Say it, headless, when all is over: Locust prints much before."""
        if self.problem is not None and self._headless:
            print(self.problem, file=sys.stderr)

    @property
    def _headless(self) -> bool:
        return bool(self._environment.parsed_options.headless)

    def _end(self, problem: str, exit_code: int) -> None:
        """End the run, or in the web page the test."""
        self.fail(problem, exit_code)
        gevent.spawn(self._runner.quit if self._headless else self._runner.stop)

    def name(self, worker: str) -> str:
        """Return the machine that is in Locust's name of a worker, and the worker's number."""
        host = worker.rpartition("_")[0] or platform.node()
        return f"worker {self._runner.get_worker_index(worker)} on {host}"
