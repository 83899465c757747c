"""A plan written as an overlay: whole or not at all, and what can't be one is refused in one line."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from loadtest.analysis.fleet import Ask, plan_fleets
from loadtest.analysis.sizing import Sizes, size_deployment
from loadtest.plan import parse_plan, print_plan
from loadtest.record.errors import InputError
from loadtest.record.results import Alone, Results
from loadtest.record.results_file import save_results
from loadtest.report.overlay import BASE, FILE, compose_overlay
from service.contract.memory import MIB
from tests import studies
from tests.curves import make_curve
from tests.studies import SMALL, changed

STUDY = studies.study()


def write(results: Results, folder: Path, *options: str) -> str:
    """Run the command, and return what it prints. folder: of the results."""
    folder.mkdir(exist_ok=True)
    save_results(results, folder)
    stream = io.StringIO()
    given = ["--results", str(folder), "--rate", "5000", *options]
    print_plan(parse_plan(given), Console(file=stream, highlight=False))
    return stream.getvalue()


def size(results: Results, headroom: float = 0.3) -> Sizes:
    return size_deployment(plan_fleets(results, Ask(rate=5_000, headroom=headroom)), "small")


def with_worker(results: Results, memory_bytes: int) -> Results:
    return changed(results, alone={"small": Alone(ready_seconds=1.0, worker_memory_bytes=memory_bytes)})


def test_a_replica_gets_what_its_workers_took_and_what_large_bodies_take() -> None:
    usual, large = size(STUDY), size(with_worker(STUDY, 400 * MIB))
    assert (usual.memory_bytes, large.memory_bytes) == (448 * MIB, 704 * MIB)  # 120, 150 or 400, and 40 x 4
    assert (usual.workers, usual.processors, usual.replicas, usual.most_replicas) == (1, 1, 5, 10)


def test_two_replicas_are_the_fewest_so_that_a_node_can_be_emptied() -> None:
    plan = plan_fleets(STUDY, Ask(rate=1, headroom=0.3))
    found = size_deployment(plan, "small")
    assert [fleet.replicas for fleet in plan.fleets if fleet.architecture == "small"] == [1]
    assert (found.replicas, found.most_replicas) == (2, 4)


@pytest.mark.parametrize(("headroom", "busy"), [(0.3, 70), (0.0, 90), (0.99, 10)])
def test_replicas_are_added_beyond_the_share_that_is_planned_with(headroom: float, busy: int) -> None:
    assert size(STUDY, headroom=headroom).busy_percent == busy


def test_one_architecture_needs_no_name_and_the_folder_is_printed(tmp_path: Path) -> None:
    folder = tmp_path / "new/overlay"
    text = write(studies.study(SMALL), tmp_path / "results", "--write-overlay", str(folder))
    assert text.splitlines()[-1] == str(folder)
    assert [file.name for file in folder.iterdir()] == [FILE]
    assert [each.name for each in folder.parent.iterdir()] == ["overlay"]
    assert "ARCHSCALE_ARCHITECTURES=small" in (folder / FILE).read_text()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "overlay"
    folder.mkdir()
    write(studies.study(SMALL), tmp_path / "results", "--write-overlay", str(folder))
    assert (folder.resolve() / yaml.safe_load((folder / FILE).read_text())["resources"][0]).resolve() == BASE.resolve()


def test_nothing_that_results_hold_ends_a_comment() -> None:
    hostile = changed(STUDY, environment=changed(STUDY.environment, processor="x\nresources: [elsewhere]\x1b[31m"))
    plan = plan_fleets(hostile, Ask(rate=5_000, headroom=0.3))
    text = compose_overlay(plan, size_deployment(plan, "small"), Path("/"))
    assert "\x1b" not in text
    assert yaml.safe_load(text)["resources"] == [str(BASE.relative_to("/"))]


def occupied(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").touch()
    return tmp_path / "folder"


def a_file(tmp_path: Path) -> Path:
    (tmp_path / "file").touch()
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (occupied, "Directory not empty. Choose another, or remove it."),
        (a_file, "Not a directory"),
        (lambda tmp_path: a_file(tmp_path) / "below", "File exists"),
        (lambda _: BASE, "outside the base"),
        (lambda _: BASE / "overlay", "outside the base"),
        (lambda _: Path("/"), "must be a folder that can be made"),
    ],
)
def test_a_folder_that_can_not_take_it_is_named_and_left(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    folder = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        write(STUDY, tmp_path / "results", "--write-overlay", str(folder), "--architecture", "small")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [each for each in sorted(tmp_path.rglob("*")) if "results" not in each.parts] == before


OVERLAY = ("--write-overlay", "overlay")
REFUSED: dict[str, tuple[Results, tuple[str, ...], str]] = {
    "no name": (STUDY, OVERLAY, "('small', 'large'), however: it is not given"),
    "a wrong name": (STUDY, (*OVERLAY, "--architecture", "huge"), "('small', 'large'), however: 'huge'"),
    "an invalid one": (studies.spoilt_study(), (*OVERLAY, "--architecture", "large"), "('small'), however: 'large'"),
    "no overlay": (STUDY, ("--architecture", "small"), "--architecture is that of an overlay"),
    "elsewhere": (studies.hosted_study(), (*OVERLAY, "--architecture", "small"), "started elsewhere (--host)"),
    "no memory": (changed(STUDY, alone={}), (*OVERLAY, "--architecture", "small"), "or it ended early"),
    "no name at all": (
        studies.hostile_study(),
        (*OVERLAY, "--architecture", studies.HOSTILE),
        "an architecture's name must be a lower-case letter",
    ),
}


@pytest.mark.parametrize(("results", "options", "words"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_deployed_is_refused_in_one_line_and_nothing_is_written(
    results: Results, options: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        write(results, tmp_path / "results", *options)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [each.name for each in tmp_path.iterdir() if each.name != "results"] == []


def test_a_network_that_was_predicted_is_not_deployed() -> None:
    plan = plan_fleets(STUDY, Ask(rate=5_000, headroom=0.3), make_curve())
    predicted = next(fleet.architecture for fleet in plan.fleets if fleet.source == "predicted")
    with pytest.raises(InputError, match=f"with one that was load-tested .*however: '{predicted}'"):
        size_deployment(plan, predicted)
