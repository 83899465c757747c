"""A study under way: it runs trials one after the other, keeps each at once, and runs a disturbed one again."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ValidationError

from loadtest.record.errors import MeasurementError
from loadtest.record.results import Alone, Capacity, Environment, Results, Settings
from loadtest.record.results_file import make_folder, save_results
from loadtest.record.samples import CUT_OFF, DROPPED
from loadtest.record.trials import Load, Phase, Trial
from loadtest.study.deadline import Deadline
from loadtest.study.locust_run import run_seconds
from loadtest.study.machine import available, check_generators, describe, on, share
from loadtest.study.trial import Bench, measure_trial
from loadtest.target.catalogue import ServedModels, read_catalogue
from loadtest.target.server import Server, models_folder, serve_newest
from service.contract.card import Description, Difference
from service.contract.files import SUMMARY_FILE, entry_name
from service.contract.names import EVALUATION

ATTEMPTS = 3
"""A trial that fails a gate is run again, so often in all."""
OVERHEAD_SECONDS = 1.4
"""Of a trial: Locust's start and end, and the counters that are read before and after."""
MASTER_SECONDS = 1.7
"""More, where a master meets its generators and joins what they sent: most of it are sleeps of Locust 2.47."""
SAMPLES_FOLDER = "samples"
OF_AN_OVERLOAD = {DROPPED, CUT_OFF}
"""What becomes of arrivals that are too many."""
LARGEST_BODY_BYTES = str(64 * 2**20)
"""The service's limit in a study: 4,096 rows of 230 features as JSON are larger than its usual 16 MiB."""

Tell = Callable[[str], None]
"""Hears what begins."""


@dataclass
class Study:
    """What has been measured so far, and where the next trial takes place."""

    settings: Settings
    catalogue: ServedModels
    bench: Bench
    service_processors: list[int]
    environment: Environment
    folder: Path
    tell: Tell
    deadline: Deadline = field(default_factory=Deadline)
    clock: Callable[[], float] = time.monotonic
    trials: list[Trial] = field(default_factory=list)
    capacities: list[Capacity] = field(default_factory=list)
    alone: dict[str, Alone] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    """On the clock; before the service was started, where the study did it."""

    def open_load(self, architecture: str, rate: float, seconds: float, seed: int) -> Load:
        """Open arrivals of the study's kind. seed: the same for every architecture of a block."""
        return self._load(architecture, rate=rate, seconds=seconds, seed=self.settings.seed * 1_000_000 + seed)

    def closed_load(self, architecture: str, in_flight: int, seconds: float, *, rows: int | None = None) -> Load:
        """Users that each wait for their answer. rows: of each request, those of the study if not given."""
        return self._load(architecture, in_flight=in_flight, seconds=seconds, rows=rows)

    def _load(
        self,
        architecture: str,
        *,
        seconds: float,
        rate: float | None = None,
        in_flight: int | None = None,
        rows: int | None = None,
        seed: int = 0,
    ) -> Load:
        return Load(
            architecture=architecture,
            body=self.settings.body,
            rows=rows or self.settings.rows,
            rate=rate,
            in_flight=in_flight,
            arrivals=self.settings.arrivals,
            seconds=seconds,
            warm_up_seconds=self.settings.warm_up_seconds,
            seed=seed,
        )

    def measure(self, load: Load, phase: Phase, block: int) -> Trial:
        """Run one trial, again where it fails a gate, and keep all.

        Raises OutOfTimeError where it would not end in time, MeasurementError where no answer is right.
        """
        expected = expect_seconds(load, self.settings.processes)
        self.deadline.require(expected)
        self.tell(_describe(load, phase))
        for attempt in range(1, ATTEMPTS + 1):
            began, number, longest = self.clock(), len(self.trials) + 1, self.deadline.left
            trial = measure_trial(self.bench, load, phase=phase, block=block, number=number, longest_seconds=longest)
            self.deadline.note(expected, self.clock() - began)
            dead = is_dead(trial)
            last = trial.valid or dead or attempt == ATTEMPTS or not self.deadline.grants_retry(expected)
            self.keep(trial if last else trial.model_copy(update={"replaced": True}))
            if dead:
                raise MeasurementError(_no_answer(trial))
            if last:
                break
        return trial

    def keep(self, result: Trial | Capacity) -> None:
        """Add a result, and write all that there is."""
        if isinstance(result, Trial):
            self.trials.append(result)
        else:
            self.capacities.append(result)
        save_results(self.results(partial="it was cut short"), self.folder)

    def results(self, *, partial: str | None) -> Results:
        """Return what there is. partial: why it is not all; None where it is."""
        return Results(
            release=self.catalogue.release,
            settings=self.settings,
            environment=self.environment,
            cards=self._descriptions,
            differences=self._differences,
            trials=self.trials,
            capacities=self.capacities,
            alone=self.alone,
            seconds=self.clock() - self.began,
            partial=partial,
            notes=self.notes,
        )

    @cached_property
    def _descriptions(self) -> dict[str, Description]:
        return self.catalogue.describe(self.settings.architectures)

    @cached_property
    def _differences(self) -> dict[str, Difference]:
        return _read_differences(self.catalogue.release)

    def turns(self, blocks: int, phase: str) -> Iterator[tuple[int, str]]:
        """Yield (block, architecture): in a random order, then back (A B, B A), so that drift disturbs all alike.

        Raises OutOfTimeError before a block that would not end in time, but for the first.
        """
        shuffler = random.Random(f"{self.settings.seed} {phase}")
        order = list(self.settings.architectures)
        for block in range(1, blocks + 1):
            if block > 1:
                self.deadline.require_block()
            if block % 2:
                shuffler.shuffle(order)
            for name in order if block % 2 else order[::-1]:
                yield block, name


def expect_seconds(load: Load, generators: int) -> float:
    """Return how long a trial of ``load`` takes."""
    seconds = run_seconds(load) if load.rate is None else load.warm_up_seconds + load.seconds
    return seconds + overhead_seconds(generators)


def overhead_seconds(generators: int) -> float:
    """Return what a trial takes over its load."""
    return OVERHEAD_SECONDS + (MASTER_SECONDS if generators > 1 else 0.0)


def _describe(load: Load, phase: Phase) -> str:
    offered = f"{load.in_flight} in flight" if load.rate is None else f"{load.rate:,.0f}/s"
    return f"{phase}: {load.architecture}, {offered}"


def is_dead(trial: Trial) -> bool:
    """Whether nothing was answered rightly, and not because more was offered than any service stands.

    One that only refuses is dead: a busy service still answers what it has taken up, a proxy without any says 503.
    """
    overloaded = trial.load.rate is not None and trial.failures and trial.failures.keys() <= OF_AN_OVERLOAD
    return trial.answered == 0 and not overloaded


def _no_answer(trial: Trial) -> str:
    reasons = ", ".join(f"{count:,} x {reason}" for reason, count in trial.failures.items()) or "no request was sent"
    return (
        f"{trial.load.architecture} must answer rightly, however: it did not once in a trial ({reasons}). "
        "Look at the service's log and at one answer of it, and measure again."
    )


class _Evaluation(BaseModel):
    """What is read of a release's evaluation."""

    differences: dict[str, Difference]


def _read_differences(release: str) -> dict[str, Difference]:
    """Read the paired differences from the release's evaluation, if it is in the store of this machine."""
    file = models_folder() / entry_name(EVALUATION) / release / SUMMARY_FILE
    try:
        return _Evaluation.model_validate_json(file.read_text()).differences
    except (OSError, ValidationError):
        return {}


@contextmanager
def open_study(
    settings: Settings, folder: Path, tell: Tell, api_key_file: Path | None = None, *, many_replicas: bool = False
) -> Iterator[Study]:
    """Find what is asked for, and start the service where no host is given. Raises InputError, MeasurementError.

    many_replicas: whether the host is several, of which each counts its own requests.
    """
    began = time.monotonic()
    processors = available()
    check_generators(settings.processes, len(processors))
    service, generator = share(processors, settings.processes)
    samples = folder / SAMPLES_FOLDER
    make_folder(samples, "--output")
    with _serve(settings, service) as (host, server):
        catalogue = read_catalogue(host)
        names = [catalogue.card(name).architecture for name in settings.architectures] or list(catalogue.cards)
        settings = settings.model_copy(update={"architectures": names})
        yield Study(
            settings=settings,
            catalogue=catalogue,
            bench=Bench(
                host,
                server,
                samples,
                settings.slo_p99_ms,
                generator,
                settings.processes,
                api_key_file,
                many_replicas=many_replicas,
            ),
            service_processors=service,
            environment=describe(
                service_processors=None if server is None or service == generator else len(service),
                workers=len(server.workers) if server else None,
            ),
            folder=folder,
            tell=tell,
            began=began,
        )


@contextmanager
def _serve(settings: Settings, processors: list[int]) -> Iterator[tuple[str, Server | None]]:
    if settings.host is not None:
        yield settings.host, None
        return
    with serve_on(processors) as server:
        yield server.url, server


@contextmanager
def serve_on(processors: list[int], **settings: str) -> Iterator[Server]:
    """Serve from the user's model store on ``processors``, with the body limit of a study. Raises as ``serve``."""
    with ExitStack() as stack:
        with on(processors):
            server = stack.enter_context(serve_newest(ARCHSCALE_MAX_BODY_BYTES=LARGEST_BODY_BYTES, **settings))
        yield server
