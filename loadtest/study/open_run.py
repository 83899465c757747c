"""A run of Locust's own command line, judged as a trial of a study is."""

import time
from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from loadtest.record.errors import InputError
from loadtest.record.results import Results, Settings
from loadtest.record.samples import Samples
from loadtest.record.trials import Load
from loadtest.study.machine import describe
from loadtest.study.trial_result import conclude
from loadtest.target.catalogue import ServedModels, read_catalogue
from loadtest.target.counters import settled_counters
from loadtest.target.usage import Reading, read_usage, spent_between


def check_report(options: Namespace, open_users: list[bool]) -> None:
    """Raise InputError where a run can't be judged. open_users: of each class that was chosen, whether it is one."""
    if not options.headless or open_users != [True]:
        raise InputError(
            "--report must judge open arrivals of one user class, headless, however: this is something else. "
            "Give --headless and, for example, OpenSmallUser."
        )
    if options.seconds <= options.warm_up or options.shape != "constant":
        raise InputError(
            "--report must judge a steady rate over more --seconds than --warm-up, however: "
            f"--shape {options.shape} --seconds {options.seconds:g} --warm-up {options.warm_up:g}. Correct them."
        )
    if options.stop_after_late:
        raise InputError(
            "--report must judge all arrivals that were planned, however: --stop-after-late "
            f"{options.stop_after_late} breaks off before them. Leave it out."
        )
    if (options.spawn_rate or 1) < (options.num_users or 1):
        raise InputError(
            "--report must judge sources that begin together, however: --spawn-rate is less than --users. Give as much."
        )


@dataclass(frozen=True)
class OpenRun:
    """A run under way: what it offers, and what the service had counted before."""

    options: Any
    host: str
    architecture: str
    sources: int
    """Of arrivals, each with the rate of the options."""
    catalogue: ServedModels
    before: Reading
    began: float

    @classmethod
    def begin(cls, options: Any, host: str, architecture: str, sources: int) -> "OpenRun":
        """Read what the service has counted so far. Raises InputError where it is none."""
        return cls(options, host, architecture, sources, read_catalogue(host), _read(options, host), time.monotonic())

    def conclude(self, samples: Samples, generators: int, *, whole: bool) -> Results:
        """Judge the samples of all generators: results of one trial, as a study writes them.

        whole: not so where the run was ended before its sources were.
        """
        options, load = self.options, self._load()
        spent = spent_between(self.before, _read(options, self.host), load)
        trial = conclude(samples, load, spent, slo_p99_ms=options.slo_p99_ms, phase="curve", block=1, number=1)
        settings = Settings(
            host=self.host,
            architectures=[self.architecture],
            body=load.body,
            rows=load.rows,
            slo_p99_ms=options.slo_p99_ms,
            quick=True,
            blocks=1,
            seconds=load.seconds,
            warm_up_seconds=load.warm_up_seconds,
            arrivals=load.arrivals,
            seed=load.seed,
            processes=generators,
            price_per_core_hour=None,
        )
        return Results(
            release=self.catalogue.release,
            settings=settings,
            environment=describe(service_processors=None, workers=None, program="locust"),
            cards=self.catalogue.describe([self.architecture]),
            differences={},
            trials=[trial],
            capacities=[],
            alone={},
            seconds=time.monotonic() - self.began,
            partial=None if whole else "it was stopped before its end",
        )

    def _load(self) -> Load:
        options = self.options
        return Load(
            architecture=self.architecture,
            body=options.body,
            rows=options.rows,
            rate=options.rate * self.sources,
            in_flight=None,
            arrivals=options.arrivals,
            seconds=options.seconds - options.warm_up,
            warm_up_seconds=options.warm_up,
            seed=options.seed,
        )


def _read(options: Any, host: str) -> Reading:
    return read_usage(None if options.many_replicas else settled_counters(host), None)
