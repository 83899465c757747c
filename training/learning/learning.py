"""What a run learns from, whether its rows lie in memory or are read from files in every epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from service.contract.card import Target
from training.artefacts import Prepared
from training.columns.data import DataTable
from training.columns.split import LabelledRows
from training.preprocessing import scale
from training.process import ScaledRows, TargetScale
from training.stream.spill import StreamedRows


@dataclass(frozen=True)
class Learning:
    """What the networks and the baselines of a run learn from.

    count: of the training rows; target_scale: as networks learn it; seen: rows for the baselines, which may take
    ``baseline_bytes``.
    """

    prepared: Prepared
    train: ScaledRows | StreamedRows
    count: int
    target_scale: TargetScale
    seen: LabelledRows
    baseline_bytes: int


def make_target(table: DataTable, *, deviation: float, shares: Sequence[float]) -> Target:
    """Describe the target. deviation: of a number, in the training rows; shares: of classes, in these."""
    classes = list(table.classes or ())
    negative, positive = classes if len(classes) == 2 else (None, None)
    return Target(
        name=table.target_name,
        positive_class=positive,
        negative_class=negative,
        scale=(deviation or 1.0) if table.task == "regression" else 1.0,  # 0: equal in all training rows
        classes=classes,
        shares=list(shares),
    )


def scale_rows(preprocessing: Pipeline, rows: LabelledRows, target: TargetScale) -> ScaledRows:
    """Return rows as networks learn them."""
    return ScaledRows(
        columns=scale(preprocessing, rows.raw),
        target=((rows.target - target.mean) / target.scale).astype(np.float32),
    )


def join_rows(*parts: LabelledRows) -> LabelledRows:
    """Return the rows of all parts."""
    return LabelledRows(
        raw=np.concatenate([part.raw for part in parts]), target=np.concatenate([part.target for part in parts])
    )
