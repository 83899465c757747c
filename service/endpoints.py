"""What each route computes: checked rows in, finite answers out. Shared by the front and the BentoML APIs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.contract import (
    TRANSFORM_ROUTE,
    predict_raw_route,
    predict_route,
    trace_route,
)
from service.decode import Input, Rows, are_small, features_input, raw_input
from service.inference import Architecture, Array, Models
from service.problems import unprocessable


@dataclass(frozen=True)
class Endpoint:
    """A POST route: the rows it takes, the computation, and the members of its JSON answer."""

    route: str
    label: str
    """Value of the metrics' label: bounded, whatever URLs arrive."""
    architecture: str
    """Its name, or '' for the transform."""
    takes: Input
    run: Callable[[Rows], Array]
    describe: Callable[[Rows, Array], dict[str, object]]
    binary: bool = True
    """Whether the answer is also had as ``.npy``."""


def make_endpoints(models: Models, *, max_rows: int) -> list[Endpoint]:
    """Every POST route of the release: one transform, and three routes for each architecture."""
    endpoints = [_transform(models, max_rows)]
    for name, architecture in models.architectures.items():
        endpoints += [
            _predict(models, name, architecture, max_rows),
            _predict_raw(models, name, architecture, max_rows),
            _trace(models, name, architecture),
        ]
    return endpoints


def _widths(models: Models) -> tuple[int, int]:
    card = models.release.card
    return len(card.feature_names), len(card.raw_features)


def _finite(rows: Rows, answer: Array, suspects: Callable[[Rows], Rows]) -> Array:
    """Return ``answer`` if it is finite, else refuse the first row that overflowed and name its largest value."""
    if not (are_small(answer) or np.isfinite(answer).all()):
        row = int(np.argwhere(~np.isfinite(answer))[0][0])
        column = int(np.argmax(np.abs(suspects(rows[row]))))
        raise unprocessable(
            f"a row's answer must be finite, however: row {row} overflows; its value farthest out is column {column}, "
            f"{float(rows[row, column])!r}. Keep values near the range of the training data (see GET /models).",
            rule="overflow",
            row=row,
            column=column,
        )
    return answer


def _as_they_are(row: Rows) -> Rows:
    return row


def _in_ranges(models: Models) -> Callable[[Rows], Rows]:
    low = np.array([feature.minimum for feature in models.release.card.raw_features])
    high = np.array([feature.maximum for feature in models.release.card.raw_features])
    span = np.where(high > low, high - low, 1.0)

    def scale(row: Rows) -> Rows:
        scaled: Rows = (row / span) - (low / span)
        return scaled

    return scale


def _predictions(models: Models, name: str) -> Callable[[Rows, Array], dict[str, object]]:
    def describe(_: Rows, answer: Array) -> dict[str, object]:
        return {"predictions": answer, "architecture": name, "release": models.release.version}

    return describe


def _predict(models: Models, name: str, architecture: Architecture, max_rows: int) -> Endpoint:
    return Endpoint(
        route=predict_route(name),
        label="predict",
        architecture=name,
        takes=features_input(_widths(models)[0], max_rows),
        run=lambda rows: _finite(rows, architecture.network.run(rows), _as_they_are),
        describe=_predictions(models, name),
    )


def _predict_raw(models: Models, name: str, architecture: Architecture, max_rows: int) -> Endpoint:
    scale = _in_ranges(models)
    return Endpoint(
        route=predict_raw_route(name),
        label="predict_raw",
        architecture=name,
        takes=raw_input(_widths(models)[1], max_rows),
        run=lambda rows: _finite(rows, architecture.pipeline.run(rows), scale),
        describe=_predictions(models, name),
    )


def _transform(models: Models, max_rows: int) -> Endpoint:
    scale = _in_ranges(models)
    return Endpoint(
        route=TRANSFORM_ROUTE,
        label="transform",
        architecture="",
        takes=raw_input(_widths(models)[1], max_rows),
        run=lambda rows: _finite(rows, models.preprocessing.run(rows), scale),
        describe=lambda _, answer: {"features": answer, "release": models.release.version},
    )


def _trace(models: Models, name: str, architecture: Architecture) -> Endpoint:
    scale = _in_ranges(models)
    raw_width = _widths(models)[1]

    def describe(rows: Rows, features: Array) -> dict[str, object]:
        layers, prediction = architecture.trace(features)
        _finite(rows, prediction, scale)
        return {
            "architecture": name,
            "release": models.release.version,
            "raw": rows[0],
            "scaled": features[0, :raw_width],  # the products follow the columns they are made of
            "features": features[0],
            "hidden": [
                {"size": layer.shape[1], "active_share": float(np.mean(layer[0] > 0)), "values": layer[0]}
                for layer in layers
            ],
            "output": float(prediction[0]),
        }

    return Endpoint(
        route=trace_route(name),
        label="trace",
        architecture=name,
        takes=raw_input(raw_width, max_rows=1),
        run=lambda rows: _finite(rows, models.preprocessing.run(rows), scale),
        describe=describe,
        binary=False,
    )
