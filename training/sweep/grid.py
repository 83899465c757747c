"""Which points a sweep has: every network on all rows, one of them on fewer, from each seed; longest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.contract.curve import CurvePoint, Shape
from training.architectures import Architecture
from training.errors import UserError
from training.options import LARGEST_SEED, TrainingOptions

DEFAULT_GRID = {0: (0,), 1: (50, 200, 800), 2: (10, 50, 200, 400, 800), 5: (50, 200, 800)}
"""Depth -> widths: 48 points. One depth has five sizes, as many as a law takes."""
DEFAULT_WIDTHS = (10, 50, 200, 800)
"""Where depths are given and widths are not."""
FOLLOWED = Shape(depth=2, width=50)
"""The network that learns from fewer rows too, where it is in the grid; else the one of middle size."""
PARTS_OF_TABLE = (2, 4, 8, 16)
"""A half of the rows, a quarter, ...: with all of them five numbers, as many as a law takes."""
FEWEST_IN_SERIES = 50
"""Rows: of fewer, what is held back to choose the epoch is a handful."""
START_SECONDS = 1.5
STEP_SECONDS = 0.00015
WEIGHT_SECONDS = 7e-11
"""What a point takes, about, on one processor: to start, by step, by weight and row of a step."""


@dataclass(frozen=True)
class GridPoint:
    """One network to be trained on ``rows`` rows from one seed."""

    architecture: Architecture
    rows: int
    seed: int

    @property
    def shape(self) -> Shape:
        """Its layers."""
        return Shape(depth=self.architecture.depth, width=self.architecture.width)

    def __str__(self) -> str:
        return f"{self.architecture.name} on {self.rows:,} rows, seed {self.seed}"


@dataclass(frozen=True)
class Planned:
    """A point that is to be trained, and what it takes, about, on one processor."""

    point: GridPoint
    seconds: float


def make_grid(options: TrainingOptions, *, table_rows: int, most_rows: int | None) -> list[GridPoint]:
    """Return the points in the order of ``shapes``, then of rows and seeds.

    table_rows: that the table has to learn from; most_rows: that can be had, None: as many as are wanted. Raise
    UserError where more are asked for.
    """
    asked = options.sweep
    if asked is None:
        raise ValueError("options must be those of a sweep, however: there are none")
    architectures = _architectures(options)
    if asked.rows is not None:
        _check_rows(asked.rows, most=most_rows)
        sizes = dict.fromkeys(architectures, asked.rows)
    else:
        series = [table_rows // part for part in PARTS_OF_TABLE]
        sizes = dict.fromkeys(architectures, (table_rows,))
        sizes[_followed(architectures)] += tuple(rows for rows in series if rows >= FEWEST_IN_SERIES)
    if options.seed + asked.seeds - 1 > LARGEST_SEED:
        raise UserError(f"--seed and --seeds must end at {LARGEST_SEED}, however: they go beyond. Lower --seed.")
    seeds = range(options.seed, options.seed + asked.seeds)
    return [
        GridPoint(architecture, rows, seed)
        for architecture in architectures
        for rows in dict.fromkeys(sizes[architecture])
        for seed in seeds
    ]


def _architectures(options: TrainingOptions) -> list[Architecture]:
    """Those that are named, and those of depths and widths; by size, each but once."""
    asked = options.sweep
    named: dict[tuple[int, int], Architecture] = {}
    for architecture in options.architectures:
        shape = (architecture.depth, architecture.width)
        if shape in named:
            raise UserError(
                f"architectures of a sweep must differ in size, however: {named[shape].name} and {architecture.name} "
                f"are both {shape[0]}x{shape[1]}. Leave one out."
            )
        named[shape] = architecture
    shapes: list[tuple[int, int]] = []
    if asked is not None and (asked.depths is not None or asked.widths is not None):
        for depth in asked.depths or DEFAULT_GRID:
            shapes += [(depth, width) for width in asked.widths or DEFAULT_WIDTHS] if depth else [(0, 0)]
    elif not named:
        shapes = [(depth, width) for depth, widths in DEFAULT_GRID.items() for width in widths]
    for depth, width in shapes:
        named.setdefault((depth, width), Architecture(f"{depth}x{width}", depth, width))
    return sorted(named.values(), key=lambda architecture: architecture.parameters(columns=1))


def _followed(architectures: Sequence[Architecture]) -> Architecture:
    for architecture in architectures:
        if (architecture.depth, architecture.width) == (FOLLOWED.depth, FOLLOWED.width):
            return architecture
    return architectures[(len(architectures) - 1) // 2]


def _check_rows(rows: Sequence[int], *, most: int | None) -> None:
    if most is not None and max(rows) > most:
        raise UserError(
            f"--rows must be at most what the table has to learn from, {most:,} rows beside those held out, "
            f"however: {max(rows):,}. Lower it."
        )


def estimate_seconds(point: GridPoint, *, columns: int, epochs: int, batch: int) -> float:
    """Return what the point takes, about, on one processor. columns: encoded, before their products."""
    steps = epochs * point.rows / batch
    weights = point.architecture.parameters(columns=columns)
    return START_SECONDS + steps * (STEP_SECONDS + batch * weights * WEIGHT_SECONDS)


def name_shapes(grid: Sequence[GridPoint], points: Sequence[CurvePoint]) -> dict[Shape, str]:
    """Name the shapes of a grid and of all points of its folder: as the grid does, or else as they were named.

    A shape that is not of the grid is named as it is written where another one has its name.
    """
    names = {point.shape: point.architecture.name for point in grid}
    for point in points:
        if point.shape not in names:
            names[point.shape] = str(point.shape) if point.name in names.values() else point.name
    return names
