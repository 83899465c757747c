"""Whether the intervals of the laws are honest: on simulated laws, and on tables that are trained here.

Run: make bench-laws. Simulated: the share of 300 in which the true exponent lies in its interval, and the share in
which a new measurement at ten times the largest size does. Trained, by the product's own training in this process, on
one processor: ten tables at six numbers of rows, three seeds each; the law of the first three sizes, and that of the
first five, has to hold the loss at the next in its interval.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from service.contract.curve import CurvePoint, Estimate, Shape
from service.contract.names import Task
from tests.bench.bars import Bar, show_bars
from tests.bench.known_choices import draw_classes, draw_deep, draw_quadratic, draw_simple
from tests.bench.trained_points import draw_table, train_point, use_one_thread
from training.sweep.analysis.power import fit_power
from training.sweep.analysis.repeats import Repeats
from training.sweep.laws import WIDEST, fit_laws

SIMULATIONS = 300
COVERED = (0.92, 0.98)
INSIDE_AT_LEAST = 0.95
"""Share of the laws: of intervals that cover in exactly 95 %, 300 simulations show less or more in 2 %, by luck."""
SEEDS = 3
SEED_SPREAD = 0.02
"""By how much one seed's rows are harder than another's, at every size: standard deviation of the logarithm."""
TEN = 10
PREDICTED_AT_LEAST = 8
SHAPE = Shape(depth=2, width=50)
ROWS = (500, 1000, 2000, 4000, 8000, 16_000)
HELD_OUT = 20_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KnownLaw:
    """A law, where it is measured and how well. floor: its share of the figure where that is largest."""

    exponent: float
    floor: float
    noise: float
    sizes: tuple[float, ...]

    def at(self, size: float) -> float:
        """Return the figure, 1 where it is largest."""
        anchor = self.sizes[-1] if self.exponent > 0 else self.sizes[0]
        return float(self.floor + (1 - self.floor) * (size / anchor) ** self.exponent)

    def measure(self, rng: np.random.Generator) -> tuple[Repeats, float]:
        """Return a sweep, and what its seeds would have at ten times the largest size: their geometric mean."""
        levels = rng.normal(0, SEED_SPREAD, SEEDS)
        entries = [
            (size, seed, self.at(size) * float(np.exp(levels[seed] + rng.normal(0, self.noise))))
            for size, seed in product(self.sizes, range(SEEDS))
        ]
        new = levels.mean() + rng.normal(0, self.noise, SEEDS).mean()
        return Repeats.of(entries), self.at(TEN * self.sizes[-1]) * float(np.exp(new))


@dataclass(frozen=True)
class Coverage:
    """Shares of the simulations. stated: of narrow intervals at ten times; exponent_stated: covered among these."""

    law: KnownLaw
    exponent: float
    ten_times: float
    stated: float
    exponent_stated: float


LOSSES = [
    KnownLaw(-exponent, floor, noise, tuple(np.geomspace(500, 30_000, count)))
    for exponent, floor, noise, count in product((0.25, 0.5, 1.0), (0.0, 0.2, 0.5), (0.003, 0.01, 0.03), (5, 6))
]
COSTS = [
    KnownLaw(exponent, floor, noise, tuple(np.geomspace(2000, 3_000_000, count)))
    for exponent, floor, noise, count in product((0.7, 1.0), (0.0, 0.01, 0.3), (0.01, 0.05), (5, 6))
]


def main() -> None:
    """Simulate, train, print."""
    use_one_thread()
    console = Console(highlight=False, markup=False, width=120)
    bars = []
    for of, laws in (("loss", LOSSES), ("cost", COSTS)):
        track_console = Console(stderr=True)
        covered = [_simulate(law, number) for number, law in enumerate(track(laws, of, console=track_console))]
        console.print(_tabulate(of, covered))
        bars += _judge(of, covered)
    bars += _predict_trained(console)
    sys.exit(show_bars("The laws", bars, []))


def _simulate(law: KnownLaw, number: int) -> Coverage:
    rng = np.random.default_rng(number)
    sign = 1 if law.exponent > 0 else -1
    found = []
    for _ in range(SIMULATIONS):
        repeats, new = law.measure(rng)
        fitted = fit_power(repeats, sign=sign)
        if fitted is None:
            found.append((False, False, False))
            continue
        ten = fitted.predict(TEN * law.sizes[-1])
        widest = WIDEST["loss" if sign < 0 else "train_seconds"]
        stated = _width(ten) <= widest and not fitted.is_open
        found.append((_holds(fitted.exponent, law.exponent), _holds(ten, new), stated))
    exponent, ten_times, narrow = np.array(found).T
    kept = float(exponent[narrow].mean()) if narrow.any() else float("nan")
    return Coverage(law, float(exponent.mean()), float(ten_times.mean()), float(narrow.mean()), kept)


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def _width(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / estimate.value


def _tabulate(of: str, covered: list[Coverage]) -> Table:
    table = Table(title=f"A {of}: share of {SIMULATIONS} simulations in the 95 % interval", title_justify="left")
    for heading in (
        "exponent",
        "floor",
        "noise",
        "sizes",
        "exponent in",
        "ten times in",
        "stated",
        "exponent in, stated",
    ):
        table.add_column(heading, justify="right")
    for found in covered:
        law = found.law
        table.add_row(
            *(f"{law.exponent:g}", f"{law.floor:.0%}", f"{law.noise:.1%}", f"{len(law.sizes)}"),
            *(f"{found.exponent:.3f}", f"{found.ten_times:.3f}", f"{found.stated:.2f}", f"{found.exponent_stated:.3f}"),
        )
    return table


def _judge(of: str, covered: list[Coverage]) -> list[Bar]:
    low, high = COVERED
    bars = []
    for figure, shares in (
        ("exponent", [found.exponent for found in covered]),
        ("ten times", [found.ten_times for found in covered]),
    ):
        inside = sum(low <= share <= high for share in shares)
        found_text = f"{inside}; {min(shares):.3f} to {max(shares):.3f}, mean {np.mean(shares):.3f}"
        name = f"{of}: laws of {len(shares)} whose {figure} is covered in {low:.0%} to {high:.0%}"
        wanted = math.ceil(INSIDE_AT_LEAST * len(shares))
        bars.append(Bar(name, f">= {wanted}", found_text, inside >= wanted))
    return bars


def draw_curved(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Friedman's (1991) first function of five columns, with noise: a number."""
    u = rng.uniform(size=(rows, 5))
    value = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2 + 10 * u[:, 3] + 5 * u[:, 4]
    return u, value + rng.normal(size=rows)


def draw_steep(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Oscillations of six columns, with noise: a number that takes many rows."""
    u = rng.uniform(-1.7, 1.7, (rows, 6))
    return u, np.sin(2 * u).sum(axis=1) + np.sin(u[:, 0] - 2 * u[:, 1]) + 0.3 * rng.normal(size=rows)


Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
TRAINED: tuple[tuple[str, Draw, Task], ...] = (
    ("quadratic", draw_classes(draw_quadratic), "classification"),
    ("needs depth", draw_classes(draw_deep), "classification"),
    ("needs rows", draw_classes(draw_simple), "classification"),
    ("Friedman", draw_curved, "regression"),
    ("oscillations", draw_steep, "regression"),
)


def _predict_trained(console: Console) -> list[Bar]:
    table = Table(title=f"Loss of {SHAPE} against rows, trained", title_justify="left")
    for heading in ("table", "loss by rows", "3 sizes say", "found", "5 sizes say", "found"):
        table.add_column(heading)
    held = {3: 0, 5: 0}
    sentences = []
    names = [(*trained, seed) for trained, seed in product(TRAINED, range(2))]
    for name, draw, task, seed in track(names, "training", console=Console(stderr=True)):
        made = draw_table(draw, task=task, rows=max(ROWS), held_out=HELD_OUT, seed=seed)
        points = [train_point(made, SHAPE, rows=rows, seed=start).point for rows, start in product(ROWS, range(SEEDS))]
        cells = []
        for count in held:
            said, found = _predict_next(points, count)
            inside = said is not None and _holds(said, found)
            held[count] += inside
            shown = "no law" if said is None else f"{said.value:.4f} ({said.low:.4f} to {said.high:.4f})"
            cells += [shown, f"{found:.4f}{'' if inside else ' outside'}"]
        table.add_row(f"{name} {seed}", " ".join(f"{_mean_loss(points, rows):.4f}" for rows in ROWS), *cells)
        sentences += [law.sentence for law in fit_laws(points) if law.against == "rows" and law.of == "loss"]
    console.print(table)
    for sentence in sentences:
        console.print(sentence)
    return [
        Bar(
            f"loss at the next size, of {count} sizes",
            f">= {PREDICTED_AT_LEAST} of {len(names)}",
            f"{right}",
            right >= PREDICTED_AT_LEAST,
        )
        for count, right in held.items()
    ]


def _predict_next(points: list[CurvePoint], count: int) -> tuple[Estimate | None, float]:
    """Return what the first ``count`` sizes say of the next, and what was found there: means over seeds."""
    entries = [(float(point.rows), point.seed, point.test.loss) for point in points if point.rows in ROWS[:count]]
    fitted = fit_power(Repeats.of(entries), sign=-1)
    said = None if fitted is None else fitted.predict(ROWS[count])
    return said, _mean_loss(points, ROWS[count])


def _mean_loss(points: list[CurvePoint], rows: int) -> float:
    return float(np.exp(np.mean([np.log(point.test.loss) for point in points if point.rows == rows])))


if __name__ == "__main__":
    main()
