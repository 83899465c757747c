"""How a network is trained where the user does not say: chosen from its size and the rows, never by search."""

import math

from service.contract.card import Recipe
from training.errors import UserError
from training.options import Architecture, Options

BATCH_SIZE = 128
STEPS_AT_LEAST = 600
"""Gradient steps that a run should have: a small table gets smaller batches rather than few steps."""
SMALLEST_BATCH = 8
LEARNING_RATE = 0.003
"""For networks of width 50; it falls with the square root of the width."""
REFERENCE_WIDTH = 50
WEIGHT_DECAY = 0.1
DROPOUT = 0.1
STRONG_DROPOUT = 0.3
PARAMETERS_PER_ROW = 5
"""A network with more weights than this for each training row learns them by heart unless it is held back."""


def choose_recipe(options: Options, architecture: Architecture, *, rows: int, raw_features: int) -> Recipe:
    """Return the recipe for ``rows`` training rows. Raise UserError if the user's batch is larger than these."""
    large = architecture.parameters(raw_features=raw_features) > PARAMETERS_PER_ROW * rows
    return Recipe(
        epochs=options.epochs,
        batch_size=_batch_size(options, rows=rows),
        learning_rate=options.learning_rate or LEARNING_RATE * math.sqrt(REFERENCE_WIDTH / architecture.width),
        weight_decay=WEIGHT_DECAY,
        dropout=STRONG_DROPOUT if large else DROPOUT,
        seed=options.seed,
        optimizer="AdamW",
        schedule="linear rise, then cosine",
        selection="weights averaged over about an epoch, at the epoch of lowest validation loss",
    )


def _batch_size(options: Options, *, rows: int) -> int:
    if options.batch_size is None:
        wanted = rows * options.epochs // STEPS_AT_LEAST
        return min(rows, max(SMALLEST_BATCH, min(BATCH_SIZE, wanted)))
    if options.batch_size > rows:
        raise UserError(
            f"--batch-size must be at most the number of training rows, {rows}, however: {options.batch_size}. "
            "Lower it, or leave it out."
        )
    return options.batch_size
