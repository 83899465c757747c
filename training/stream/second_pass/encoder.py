"""Coded rows to scaled columns, as scikit-learn's fitted steps do it, for a process that does without that library.

A fit on a small matrix of stand-in rows gives the steps that a fit on all training rows would: they hold the ends of
each range, the median, gaps where there are some, and of each category the levels that are rare and that are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from service.contract.card import RawFeature
from training.columns.codes import find_rare
from training.graph.encoding import Steps
from training.stream.second_pass.scaling import Encoder

SPARE_ROWS = 100
"""So many rows more than a category has rare levels, twice: each of the others then is in more than 1 % of them."""


@dataclass(frozen=True)
class Seen:
    """Of a column's training rows. median: of numbers and of a boolean; counts: (k,) of each level of a category."""

    median: float = 0.0
    gaps: int = 0
    counts: NDArray[np.int64] | None = None


def stand_in(features: Sequence[RawFeature], seen: Mapping[str, Seen]) -> NDArray[np.float64]:
    """Return (m, d) float64, on which ``fit_preprocessing`` finds what it would find on all training rows."""
    rare = {
        name: find_rare(np.append(column.counts, column.gaps) if column.gaps else column.counts)
        for name, column in seen.items()
        if column.counts is not None
    }
    rows = 2 * (SPARE_ROWS + max([0, *(int(which.sum()) for which in rare.values())]))
    raw = np.empty((rows, len(features)))
    for place, feature in enumerate(features):
        column = seen[feature.name]
        if feature.kind != "category":
            raw[:, place] = column.median
            raw[:2, place] = feature.minimum, feature.maximum
            raw[2 : 2 + (column.gaps > 0), place] = np.nan
            continue
        which = rare[feature.name]
        codes = np.where(np.arange(len(which)) < len(feature.levels), np.arange(len(which)), np.nan)
        once, often = codes[which], codes[~which]
        raw[: len(once), place] = once
        raw[len(once) :, place] = np.resize(often, rows - len(once))
    return raw


def make_encoder(preprocessing: Pipeline) -> Encoder:
    """Take the fitted steps."""
    scaler = preprocessing["scale"]
    if "encode" in preprocessing.named_steps:
        steps = Steps.read(preprocessing)
    else:
        steps = Steps(np.full(scaler.n_features_in_, np.nan), list(range(scaler.n_features_in_)), [], [], [])
    return Encoder(
        fills=steps.fills,
        values=tuple(steps.values),
        indicated=tuple(steps.indicated),
        levels=tuple(tuple(levels) for levels in steps.levels),
        grouped=tuple(steps.grouped),
        scale=scaler.scale_,
        shift=scaler.min_,
    )
