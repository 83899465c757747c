"""What a user may train: a named depth and width, and the recipe that suits its size and the rows."""

import math
import re
from dataclasses import dataclass
from typing import Self

from service.contract.card import Recipe
from service.contract.names import Task, check_name, count_features
from training.errors import UserError

LARGEST_WEIGHT_COUNT = 100_000_000
"""Weights of one hidden layer: 400 MB of float32. More is a slip of the finger here."""
LARGEST_WIDTH = math.isqrt(LARGEST_WEIGHT_COUNT)
LARGEST_DEPTH = 100
BATCH_SIZE = 80
"""128 makes 20 epochs of `small` some 25 % faster, but gives it too few steps."""
STEPS_AT_LEAST = 600
"""Gradient steps that a run should have: a small table gets smaller batches rather than few steps."""
SMALLEST_BATCH = 8
LEARNING_RATE = 0.004
"""For networks of width 50; it falls with the width, as Adam's does in Yang et al. (2021, table 3)."""
REFERENCE_WIDTH = 50
LINEAR_LEARNING_RATE = 0.2
"""Without a hidden layer. A column and its square rise together within 0..1, so that steps fit for a network leave a
quadratic table 15 points of accuracy short; these, without weight decay, end where scikit-learn's solvers do."""
WEIGHT_DECAY = 0.1
DROPOUT = 0.1
"""Of classifications alone: a number has to carry the noise in its own value."""
STRONG_DROPOUT = 0.3
PRODUCT_WEIGHT = 0.1
"""Of classifications alone, where products as large as columns let a network learn the rows' noise by heart. Tables of
numbers with skewed columns, which lie near 0 once they are scaled, need them whole: `make bench-tables`."""
PARAMETERS_PER_ROW = 50
"""A network with more weights than this for each training row learns them by heart unless it is held back."""


@dataclass(frozen=True)
class Architecture:
    """A multilayer perceptron: ``depth`` hidden layers of ``width`` units each. 0 and 0: linear in the features."""

    name: str
    depth: int
    width: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read NAME=DEPTHxWIDTH. Raise UserError where it is none, or too large."""
        match = re.fullmatch(r"([^=]*)=([0-9]{1,9})x([0-9]{1,9})", text)
        if match is None:
            raise UserError(
                f"--architecture must be NAME=DEPTHxWIDTH, however: {text!r}. "
                "Write for example --architecture wide=2x400."
            )
        try:
            name = check_name(match[1])
        except ValueError as error:
            raise UserError(str(error)) from None
        depth, width = int(match[2]), int(match[3])
        if (depth, width) != (0, 0) and not (1 <= depth <= LARGEST_DEPTH and 1 <= width <= LARGEST_WIDTH):
            raise UserError(
                f"--architecture {name}: the depth must be 1 to {LARGEST_DEPTH} layers and the width 1 to "
                f"{LARGEST_WIDTH} units, or 0x0 for the linear model, however: {depth}x{width}. "
                f"Write for example {name}=2x50."
            )
        return cls(name, depth, width)

    def parameters(self, *, columns: int, outputs: int = 1) -> int:
        """Weights and biases of the exported network for ``columns`` encoded columns."""
        if self.depth == 0:
            return (count_features(columns) + 1) * outputs
        first = (count_features(columns) + 1) * self.width
        return first + (self.depth - 1) * (self.width + 1) * self.width + (self.width + 1) * outputs


def choose_recipe(
    architecture: Architecture,
    *,
    task: Task,
    rows: int,
    columns: int,
    outputs: int = 1,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    seed: int,
) -> Recipe:
    """Return the recipe for ``rows`` training rows of ``columns`` encoded columns; None: not given.

    Raise UserError for a batch larger than the rows.
    """
    if batch_size is None:
        batch_size = min(rows, max(SMALLEST_BATCH, min(BATCH_SIZE, rows * epochs // STEPS_AT_LEAST)))
    if batch_size > rows:
        raise UserError(
            f"--batch-size must be at most the number of training rows, {rows}, however: {batch_size}. "
            "Lower it, or leave it out."
        )
    large = architecture.parameters(columns=columns, outputs=outputs) > PARAMETERS_PER_ROW * rows
    return Recipe(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate or _learning_rate(architecture),
        weight_decay=WEIGHT_DECAY if architecture.depth else 0.0,
        product_weight=PRODUCT_WEIGHT if task == "classification" and architecture.depth else 1.0,
        dropout=0.0 if task == "regression" else STRONG_DROPOUT if large else DROPOUT,
        seed=seed,
        optimizer="AdamW",
        schedule="linear rise, then cosine",
        selection="weights averaged over about an epoch, at the epoch of lowest validation loss",
    )


def _learning_rate(architecture: Architecture) -> float:
    return LEARNING_RATE * REFERENCE_WIDTH / architecture.width if architecture.depth else LINEAR_LEARNING_RATE
