"""A study that does nothing but search for capacities."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtest.record.results import Settings
from loadtest.study.phases import find_capacities, measure_saturation
from loadtest.study.study import Study, open_study


@contextmanager
def search_capacities(
    host: str,
    folder: Path,
    architectures: Sequence[str],
    *,
    slo_ms: float,
    blocks: int,
    seconds: float,
    warm_up_seconds: float,
    rows: int = 1,
    seed: int = 0,
    generators: int = 1,
) -> Iterator[Study]:
    """Yield the study with its capacities; more can be measured in it. seconds: of a trial, after its warm-up.

    Raises MeasurementError.
    """
    folder.mkdir(exist_ok=True)
    settings = Settings(
        host=host,
        architectures=list(architectures),
        body="json",
        rows=rows,
        slo_p99_ms=slo_ms,
        quick=False,
        blocks=blocks,
        seconds=seconds,
        warm_up_seconds=warm_up_seconds,
        arrivals="poisson",
        seed=seed,
        processes=generators,
        price_per_core_hour=None,
    )
    with open_study(settings, folder, lambda what: None) as study:
        measure_saturation(study)
        find_capacities(study)
        yield study
