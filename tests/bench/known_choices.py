"""Whether the choice is the known one, on tables whose answer is known. Run: make bench-choices.

Each table is drawn ten times, and each time every shape is trained from three seeds, in this process, on one processor.
Then scores are simulated in which every shape but one is just beyond the margin: how often one of them is said to be
within it.
"""

import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from service.contract.curve import Choice, Shape
from tests.bench.bars import Bar, show_bars
from tests.bench.trained_points import LINEAR, MadeTable, draw_table, train_points, use_one_thread
from training.sweep.analysis.shortfall import bound_shortfall
from training.sweep.choice import MARGIN, choose

DRAWS = 10
RIGHT_AT_LEAST = 9
SEEDS = (0, 1, 2)
HELD_OUT = 40_000
"""Rows cost nothing here; with 20,000 two equal shapes are told to be equal in fewer of the draws."""

SIMULATIONS = 300
WRONG_AT_MOST = 0.075
"""Of simulations: 5 %, and what luck may add in 300 (two standard errors)."""
BEYOND = 0.0051
"""What the others lack to the best there."""
SIMULATED_ROWS = 10_000

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]


@dataclass(frozen=True)
class KnownTable:
    """A table, the shapes that are swept, and the one that must be chosen.

    draw: a generator and n -> raw (n, d) and the logit of each row (n,). few_rows: fewer rows, with which the chosen
    shape must lose more than the margin; None where rows are not what the table is about.
    """

    name: str
    draw: Draw
    rows: int
    shapes: tuple[Shape, ...]
    answer: Shape
    few_rows: int | None = None

    def make(self, seed: int) -> MadeTable:
        """Draw rows and classes."""
        draw = draw_classes(self.draw)
        return draw_table(draw, task="classification", rows=self.rows, held_out=HELD_OUT, seed=seed)


def draw_classes(draw: Draw) -> Draw:
    """Turn one that draws logits into one that draws classes."""

    def drawn(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
        raw, logit = draw(rng, rows)
        return raw, (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.float64)

    return drawn


def _shape(depth: int, width: int) -> Shape:
    return Shape(depth=depth, width=width)


def _uniform(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    return rng.uniform(-1.7, 1.7, (rows, columns))


def draw_linear(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Five columns, of which the logit is a sum."""
    u = rng.normal(size=(rows, 5))
    return u, 3 * u @ np.array([1, -0.8, 0.6, 0.4, -0.2])


def draw_quadratic(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Five columns, of which the logit is a sum of products."""
    u = _uniform(rng, rows, 5)
    return u, 3 * (u[:, 0] * u[:, 1] + u[:, 2] ** 2 - u[:, 3] * u[:, 4] - 1 + u[:, 0])


def draw_deep(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """An oscillation of a sum of oscillations: one layer cannot make it of 800 units, at 0.74 against 0.92 of three."""
    u = _uniform(rng, rows, 2)
    return u, 8 * np.sin(2 * np.cos(2 * u).sum(axis=1))


def draw_simple(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """An oscillation in one direction of four columns, with much noise: rows find the direction, size does not."""
    u = _uniform(rng, rows, 4)
    direction = np.cos(np.arange(4))
    return u, 4 * np.sin(2 * u @ (direction / np.linalg.norm(direction)))


TABLES = (
    KnownTable("linear", draw_linear, 3000, (LINEAR, _shape(1, 10), _shape(1, 50), _shape(2, 50)), LINEAR),
    KnownTable("quadratic", draw_quadratic, 3000, (LINEAR, _shape(1, 10), _shape(1, 50), _shape(2, 50)), LINEAR),
    KnownTable(
        "needs depth",
        draw_deep,
        10_000,
        (LINEAR, _shape(1, 50), _shape(1, 200), _shape(1, 800), _shape(3, 50), _shape(4, 50)),
        _shape(3, 50),
    ),
    KnownTable(
        "needs rows, not size",
        draw_simple,
        4000,
        (LINEAR, _shape(1, 2), _shape(2, 20), _shape(2, 50), _shape(2, 100)),
        _shape(2, 20),
        few_rows=500,
    ),
)


def main() -> None:
    """Choose for every table and draw; print which, and the sentences of the first draws."""
    use_one_thread()
    console = Console(highlight=False, markup=False)
    bars = []
    for table in TABLES:
        choices = [_choose(table, seed) for seed in track(range(DRAWS), table.name, console=Console(stderr=True))]
        console.print(f"{table.name}: {choices[0].sentence}")
        bars.append(_judge(table, choices))
        if table.few_rows is not None:
            bars.append(_judge_rows(table, table.few_rows))
    bars += [_judge_claims(shapes, spread) for shapes in (2, 6, 12) for spread in (0.0, 0.001, 0.003)]
    sys.exit(show_bars(f"The choice is the known one, {DRAWS} draws of each table", bars, []))


def _choose(table: KnownTable, seed: int) -> Choice:
    return choose(train_points(table.make(seed), table.shapes, rows=table.rows, seeds=SEEDS), command=str)


def _judge(table: KnownTable, choices: Sequence[Choice]) -> Bar:
    counts = Counter(str(choice.chosen) for choice in choices)
    found = ", ".join(f"{shape}: {count}" for shape, count in counts.most_common())
    right = counts[str(table.answer)]
    return Bar(table.name, f"{table.answer}: >= {RIGHT_AT_LEAST}", found, right >= RIGHT_AT_LEAST)


def _judge_rows(table: KnownTable, few_rows: int) -> Bar:
    """Compare the known shape's accuracy with few rows and with all, draw by draw."""
    gains = []
    for seed in range(DRAWS):
        made = table.make(seed)
        few, many = (
            float(
                np.mean(
                    [scored.row_scores.mean() for scored in train_points(made, [table.answer], rows=rows, seeds=SEEDS)]
                )
            )
            for rows in (few_rows, table.rows)
        )
        gains.append(many - few)
    lowest = min(gains, default=math.nan)
    name = f"{table.name}: accuracy of {table.rows:,} rows over {few_rows}, lowest"
    return Bar(name, f"> {MARGIN:g}", f"{lowest:.3f}", lowest > MARGIN)


def _judge_claims(shapes: int, spread: float) -> Bar:
    """Simulate the case that is worst for a wrong claim. spread: of a shape's accuracy over seeds."""
    rng = np.random.default_rng(shapes)
    accuracy = np.full(shapes, 0.9)
    accuracy[-1] += BEYOND
    wrong = 0
    for _ in range(SIMULATIONS):
        rows = rng.random(SIMULATED_ROWS)  # the same for every seed
        scores = [_draw_scores(rng, accuracy + rng.normal(0, spread, shapes), rows) for _ in SEEDS]
        wrong += bool((bound_shortfall(scores).at_most[:-1] <= MARGIN).any())
    share = wrong / SIMULATIONS
    name = f"simulated: one of {shapes} wrongly said to be near, seeds differ by {spread:.1%}"
    return Bar(name, f"<= {WRONG_AT_MOST:g}", f"{share:.3f}", share <= WRONG_AT_MOST)


def _draw_scores(rng: np.random.Generator, accuracy: Floats, rows: Floats) -> NDArray[np.float32]:
    """Draw which rows each shape has right: four fifths by the row's own difficulty, the rest by luck. (k, m)."""
    luck = rng.random((len(accuracy), len(rows)))
    drawn = np.where(rng.random(luck.shape) < 0.8, rows, luck)
    return (drawn < accuracy[:, None]).astype(np.float32)


if __name__ == "__main__":
    main()
