"""A table of a rare class and interactions of three columns, of the kind that fraud and failures make."""

import csv
from pathlib import Path

import numpy as np

ROWS = 20_000
COLUMNS = 15
INTERCEPT = -5.7
"""Logits: makes some 6 % of the rows positive."""


def write_imbalanced(path: Path, *, seed: int) -> Path:
    """Draw and write 20,000 rows of 15 numbers (uniform, skewed and normal in turn) and a target of yes and no."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(ROWS, COLUMNS))
    u[:, ::3] = rng.uniform(-1.7, 1.7, size=(ROWS, COLUMNS // 3))
    u[:, 1::3] = rng.gamma(4, 0.5, size=(ROWS, COLUMNS // 3)) - 2
    straight = u[:, 0] + 0.8 * u[:, 1] - 0.7 * u[:, 2] + 0.6 * u[:, 3] - 0.5 * u[:, 4]
    pairs = u[:, 5] * u[:, 6] - u[:, 7] * u[:, 8] + u[:, 9] * u[:, 10]
    threes = u[:, 0] * u[:, 1] * u[:, 5] - u[:, 2] * u[:, 3] * u[:, 7] + u[:, 4] * u[:, 11] * u[:, 12]
    probability = 1 / (1 + np.exp(-(1.8 * straight + 0.2 * pairs + threes + INTERCEPT)))
    target = np.where(rng.uniform(size=ROWS) < probability, "yes", "no")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"u{column}" for column in range(COLUMNS)), "failed"])
        writer.writerows([*row, value] for row, value in zip(u.tolist(), target.tolist(), strict=True))
    return path
