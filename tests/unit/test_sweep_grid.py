"""The points of a sweep: which there are, and that none is there twice."""

import shlex
from collections import Counter
from dataclasses import replace

import pytest

from service.contract.curve import Shape
from tests.made_points import made_point
from training.architectures import Architecture
from training.errors import UserError
from training.options import parse_options
from training.sweep.grid import GridPoint, estimate_seconds, make_grid, name_shapes
from training.sweep.release import release_command


def grid(*arguments: str, table_rows: int = 10_000, most_rows: int | None = None) -> list[GridPoint]:
    options = parse_options(["sweep", "--output", "results", *arguments])
    return make_grid(options, table_rows=table_rows, most_rows=most_rows)


def shapes(points: list[GridPoint]) -> list[str]:
    return list(dict.fromkeys(str(point.shape) for point in points))


def test_the_default_grid_has_48_points_from_the_linear_model_to_millions_of_weights() -> None:
    points = grid()
    assert len(points) == len(set(points)) == 48
    assert {point.seed for point in points} == {0, 1, 2}
    whole = [point for point in points if point.rows == 10_000]
    assert shapes(whole) == [
        "0x0", "2x10", "1x50", "1x200", "2x50", "1x800", "5x50", "2x200", "5x200", "2x400", "2x800", "5x800",
    ]  # fmt: skip
    assert Counter(point.rows for point in points if str(point.shape) == "2x50") == {
        625: 3, 1_250: 3, 2_500: 3, 5_000: 3, 10_000: 3,
    }  # fmt: skip


def test_depths_and_widths_are_combined_and_the_linear_model_has_no_width() -> None:
    points = grid("--depth", "0,1,3", "--width", "4,4,8", "--rows", "100,200", "--seeds", "1")
    assert shapes(points) == ["0x0", "1x4", "1x8", "3x4", "3x8"]
    assert len(points) == len(set(points)) == 10
    assert {point.architecture.name for point in points} == set(shapes(points))


def test_named_architectures_stand_alone_or_join_depths_and_widths() -> None:
    named = ("--architecture", "wide=1x400", "--architecture", "line=0x0", "--rows", "100", "--seeds", "1")
    assert [point.architecture.name for point in grid(*named)] == ["line", "wide"]
    joined = grid(*named, "--depth", "0,1", "--width", "400,4")
    assert [point.architecture.name for point in joined] == ["line", "1x4", "wide"]


def test_two_names_for_one_size_are_refused() -> None:
    with pytest.raises(UserError, match="must differ in size, however: a and b are both 2x50"):
        grid("--architecture", "a=2x50", "--architecture", "b=2x50")


def test_of_a_small_table_the_network_of_middle_size_learns_from_fewer_rows_too() -> None:
    points = grid("--depth", "1", "--width", "4,8,16", "--seeds", "1", table_rows=455, most_rows=455)
    assert [(str(point.shape), point.rows) for point in points if point.rows < 455] == [
        ("1x8", 227), ("1x8", 113), ("1x8", 56),
    ]  # fmt: skip


def test_more_rows_than_there_are_are_refused() -> None:
    with pytest.raises(UserError, match=r"--rows must be at most .* 455 rows .* however: 1,000"):
        grid("--rows", "100,1000", table_rows=455, most_rows=455)


def test_seeds_go_on_from_the_first() -> None:
    assert {point.seed for point in grid("--seed", "7", "--seeds", "2")} == {7, 8}
    with pytest.raises(UserError, match="--seed and --seeds must end at 4294967295"):
        grid("--seed", "4294967295", "--seeds", "2")


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--seed=7",),
        ("--data=a.csv", "--target=y", "--test-fraction=0.3", "--most-features=30000", "--memory=1.5GB"),
        ("--data=a b.csv", "--target=y", "--epochs=3", "--missing=-99", "--drop=x", "--no-header", "--memory=10500kB"),
    ],
    ids=len,
)
def test_the_command_that_releases_a_shape_gives_the_options_of_the_sweep(given: tuple[str, ...]) -> None:
    swept = parse_options(["sweep", "--output", "results", *given])
    python, *words = shlex.split(release_command(swept, Shape(depth=1, width=4)))
    assert (python, words[:2]) == ("python", ["-m", "training"])
    released = parse_options(words[2:])
    assert released == replace(
        swept, command="fit", sweep=None, architectures=(Architecture("chosen", depth=1, width=4),)
    )
    assert len(words) == 2 + len(given) + 2  # what is not given is not written


def test_a_name_that_was_another_shape_s_is_no_longer_its() -> None:
    now = [GridPoint(architecture=Architecture(name="wide", depth=1, width=60), rows=10, seed=0)]
    earlier = [made_point(Shape(depth=1, width=30), name="wide"), made_point(Shape(depth=2, width=9), name="deep")]
    assert list(name_shapes(now, earlier).values()) == ["wide", "1x30", "deep"]


def test_a_larger_network_and_more_rows_take_longer() -> None:
    def seconds(point: GridPoint) -> float:
        return estimate_seconds(point, columns=20, epochs=20, batch=80)

    points = grid("--depth", "2", "--width", "10,800", "--rows", "100,10000", "--seeds", "1")
    taken = {(point.architecture.width, point.rows): seconds(point) for point in points}
    assert taken[10, 100] < taken[10, 10_000] < taken[800, 10_000]
    assert taken[10, 100] < taken[800, 100]
