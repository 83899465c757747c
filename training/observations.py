"""One or two words on an epoch, derived from the trace: what a reader would say who had only the losses."""

from service.contract.card import EpochTrace

FLAT = 0.01
"""A validation loss within 1 % of the previous one has not moved."""


def observe(entry: EpochTrace, *, earlier: list[EpochTrace]) -> str:
    """Say how ``entry`` continues the ``earlier`` epochs."""
    if not earlier:
        return "first epoch"
    previous = earlier[-1]
    change = (entry.validation_loss - previous.validation_loss) / max(previous.validation_loss, 1e-12)
    movement = "flat" if abs(change) <= FLAT else "falling" if change < 0 else "rising"
    if entry.validation_loss < min(seen.validation_loss for seen in earlier):
        return f"{movement}, best so far"
    if movement == "rising" and entry.train_loss < previous.train_loss:
        return "rising, overfitting"
    return movement
