"""Open arrivals by real Locust, against the real service: the schedule that was asked for, for every architecture."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from loadtest.generator.arrivals import Schedule
from loadtest.record.samples import Samples, load_samples
from loadtest.record.trials import ARRIVALS, SHAPES, Arrivals, Shape
from loadtest.target.server import Server
from tests.flow.loads import locust

AT_A_TIME = 2
RATE, SECONDS, SEED = 200, 0.5, 7


def schedule(arrivals: Arrivals = "poisson", shape: Shape = "constant", source: int = 0) -> npt.NDArray[np.float64]:
    return np.array(list(Schedule(RATE, SECONDS, arrivals, shape, (SEED, 0, source)).times()))


def offer(service: Server, file: Path, *arguments: str) -> Samples:
    """Offer a load, expect it to go well and to end by itself, and return what it wrote."""
    options = ("--rate", str(RATE), "--seconds", str(SECONDS), "--seed", str(SEED), "--results", str(file))
    ended = locust("--host", service.url, *options, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    samples = load_samples(file)
    assert (samples.failures, set(samples.status)) == ((), {200})
    return samples


def assert_offered(samples: Samples, expected: npt.NDArray[np.float64]) -> None:
    """The scheduled instants are the expected ones, to the resolution of float64 seconds since the epoch."""
    found = np.sort(samples.scheduled)
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=2e-6)


LOADS: dict[str, tuple[str, ...]] = {
    "OpenSmallUser": ("OpenSmallUser",),
    "OpenLargeUser": ("OpenLargeUser",),
    "OpenArchitectureUser": ("OpenArchitectureUser", "--architecture", "large", "--body", "npy", "--rows", "3"),
    "no user, but a rate": ("--architecture", "small", "--body", "raw"),
    "even": ("OpenSmallUser", "--arrivals", "constant"),
    **{shape: ("OpenSmallUser", "--shape", shape) for shape in SHAPES if shape != "constant"},
}


@pytest.fixture(scope="module")
def offered(service: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Samples]:
    """What each of ``LOADS`` recorded; two run at a time, for starting them takes most of the time."""
    folder = tmp_path_factory.mktemp("samples")
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures = {
            name: pool.submit(offer, service, folder / f"{number}.npz", *arguments)
            for number, (name, arguments) in enumerate(LOADS.items())
        }
        return {name: future.result() for name, future in futures.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["OpenSmallUser", "OpenLargeUser", "OpenArchitectureUser", "no user, but a rate"])
def test_every_architecture_and_body_is_offered_the_arrivals_of_the_seed(
    name: str, offered: dict[str, Samples]
) -> None:
    assert_offered(offered[name], schedule())


@pytest.mark.slow
@pytest.mark.parametrize("arrivals", ARRIVALS)
def test_arrivals_are_independent_or_even(arrivals: Arrivals, offered: dict[str, Samples]) -> None:
    assert_offered(offered["even" if arrivals == "constant" else "OpenSmallUser"], schedule(arrivals))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_rate_changes_as_the_shape_says(shape: Shape, offered: dict[str, Samples]) -> None:
    assert_offered(offered["OpenSmallUser" if shape == "constant" else shape], schedule(shape=shape))


@pytest.mark.slow
def test_samples_say_whom_they_asked_for_what_and_what_the_service_spent(offered: dict[str, Samples]) -> None:
    asked = {name: (samples.architectures, set(samples.rows)) for name, samples in offered.items()}
    assert asked["OpenSmallUser"] == asked["no user, but a rate"] == (("small",), {1})
    assert asked["OpenArchitectureUser"] == (("large",), {3})
    of_large = offered["OpenLargeUser"]
    assert (np.array([of_large.parse, of_large.infer, of_large.write]) >= 0).all()


@pytest.mark.slow
def test_a_latency_begins_when_its_request_was_due_and_never_before_it_was_sent(offered: dict[str, Samples]) -> None:
    for samples in offered.values():
        assert (samples.lateness_ms >= 0).all()
        assert (samples.latency_ms >= samples.lateness_ms).all()
        assert samples.generator_share > 0


def test_two_users_are_two_sources_with_arrivals_of_their_own(service: Server, tmp_path: Path) -> None:
    samples = offer(
        service, tmp_path / "two.npz", "OpenSmallUser", "OpenLargeUser", "--users", "2", "--spawn-rate", "2"
    )
    of_small = samples.select(samples.architecture == samples.architectures.index("small"))
    of_large = samples.select(samples.architecture == samples.architectures.index("large"))
    sources = sorted((schedule(source=0), schedule(source=1)), key=len)
    for found, expected in zip(sorted((of_small, of_large), key=len), sources, strict=True):
        assert_offered(found, expected)
