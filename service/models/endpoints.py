"""What each route computes: checked rows in, finite answers out. Shared by the front and the BentoML APIs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from service.codec.columns import make_columns
from service.codec.rows import Input, Rows, are_small, features_input, raw_input, refuse_values
from service.contract.card import ModelCard
from service.contract.names import PREDICTION
from service.contract.policies import Policy, UnknownCategory
from service.contract.routes import TRANSFORM_ROUTE, predict_raw_route, predict_route, trace_route
from service.models.inference import ArchitectureGraphs, Array, Models
from service.models.ranges import Ranges

MOST_ANSWERED = 2**21
"""Numbers in one answer: 4,096 rows of up to 512 features, and of 18,335 features 114 rows, which are 40 MB of JSON."""
PREDICTING = ("predict", "predict_raw")
"""Labels of the endpoints that predict."""


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
    ranges: Ranges | None = None
    """What raw values are screened by; None where features are taken."""
    headings: tuple[str, ...] = ()
    """Of the numbers that each row is answered with, where the answer is also had as ``.npy`` and CSV."""
    labels: Callable[[Array], list[str]] | None = None
    """The class of each row; None where no classes are predicted."""

    @property
    def binary(self) -> bool:
        """Whether the answer is also had as ``.npy`` and CSV."""
        return bool(self.headings)

    def screen(self, rows: Rows) -> tuple[Rows, int, int]:
        """Return the rows to answer for, how many of their values lie out of range, how many levels are unknown.

        Raises Problem 422.
        """
        return (rows, 0, 0) if self.ranges is None else self.ranges.screen(rows, self.takes)


def make_endpoints(
    models: Models, *, max_rows: int, out_of_range: Policy, unknown_category: UnknownCategory
) -> list[Endpoint]:
    """Every POST route of the release: one transform, and three routes for each architecture."""
    make = EndpointMaker(models, max_rows=max_rows, out_of_range=out_of_range, unknown_category=unknown_category)
    endpoints = [make.transform()]
    for name, architecture in models.architectures.items():
        endpoints += [
            make.predict(name, architecture),
            make.predict_raw(name, architecture),
            make.trace(name, architecture),
        ]
    return endpoints


class EndpointMaker:
    """Makes the endpoints of one release, which share their inputs and ranges."""

    def __init__(
        self, models: Models, *, max_rows: int, out_of_range: Policy, unknown_category: UnknownCategory
    ) -> None:
        card = models.release.card
        self._models = models
        self._release = models.release.version
        self._ranges = Ranges(card.raw_features, out_of_range)
        self._features = features_input(card.feature_names, max_rows)
        self._scaled = sum(column.encoded_columns for column in card.raw_features)
        self._columns = make_columns(card.raw_features, card.data, card.target, unknown_category)
        self._raw = raw_input(self._columns, max_rows)

    def predict(self, name: str, architecture: ArchitectureGraphs) -> Endpoint:
        """Features -> predictions."""
        takes = self._features
        return Endpoint(
            route=predict_route(name),
            label="predict",
            architecture=name,
            takes=takes,
            run=lambda rows: _finite(rows, architecture.network.run(rows), takes, _as_they_are),
            describe=self._describe_predictions(architecture.card),
            headings=_headings(architecture.card),
            labels=make_labels(architecture.card),
        )

    def predict_raw(self, name: str, architecture: ArchitectureGraphs) -> Endpoint:
        """Raw values -> predictions."""
        takes, scale = self._raw, self._ranges.scale
        return Endpoint(
            route=predict_raw_route(name),
            label="predict_raw",
            architecture=name,
            takes=takes,
            ranges=self._ranges,
            run=lambda rows: _finite(rows, architecture.pipeline.run(rows), takes, scale),
            describe=self._describe_predictions(architecture.card),
            headings=_headings(architecture.card),
            labels=make_labels(architecture.card),
        )

    def transform(self) -> Endpoint:
        """Raw values -> features."""
        return Endpoint(
            route=TRANSFORM_ROUTE,
            label="transform",
            architecture="",
            takes=self._limit(MOST_ANSWERED // self._features.width),
            ranges=self._ranges,
            run=self._preprocess,
            describe=lambda _, answer: {"features": answer, "release": self._release},
            headings=tuple(self._features.names),
        )

    def trace(self, name: str, architecture: ArchitectureGraphs) -> Endpoint:
        """One raw row -> its way through the layers."""
        return Endpoint(
            route=trace_route(name),
            label="trace",
            architecture=name,
            takes=self._limit(1),
            ranges=self._ranges,
            run=self._preprocess,
            describe=lambda rows, features: self._describe_trace(name, architecture, rows, features),
        )

    def _limit(self, rows: int) -> Input:
        """Return the raw input with at most so many rows, whatever the settings allow."""
        return replace(self._raw, max_rows=max(1, rows), is_fixed=True) if rows < self._raw.max_rows else self._raw

    def _preprocess(self, rows: Rows) -> Array:
        return _finite(rows, self._models.preprocessing.run(rows), self._raw, self._ranges.scale)

    def _describe_predictions(self, card: ModelCard) -> Callable[[Rows, Array], dict[str, object]]:
        name = card.architecture

        def describe(_: Rows, answer: Array) -> dict[str, object]:
            return {"predictions": answer, "architecture": name, "release": self._release}

        def describe_classes(_: Rows, answer: Array) -> dict[str, object]:
            classes = card.target.classes
            return {"predictions": answer, "classes": classes, "architecture": name, "release": self._release}

        return describe if card.target.outputs == 1 else describe_classes

    def _describe_trace(
        self, name: str, architecture: ArchitectureGraphs, rows: Rows, features: Array
    ) -> dict[str, object]:
        layers, prediction = architecture.trace(features)
        _finite(rows, prediction, self._raw, self._ranges.scale)
        return {
            "architecture": name,
            "release": self._release,
            "raw": self._columns.natural(rows[0]),
            "scaled": features[0, : self._scaled],  # the products follow the columns they are made of
            "features": features[0],
            "hidden": [
                {"size": layer.shape[1], "active_share": float(np.mean(layer[0] > 0)), "values": layer[0]}
                for layer in layers
            ],
            "output": prediction[0].tolist(),
        }


def make_labels(card: ModelCard) -> Callable[[Array], list[str]] | None:
    """Return what names the class of each row: by the card's threshold for two, the likeliest of more."""
    classes, threshold = card.target.classes, card.target.threshold
    if not classes:
        return None
    if card.target.outputs == 1:
        return lambda answer: [classes[positive] for positive in (answer.astype(np.float64) >= threshold).tolist()]
    return lambda answer: [classes[place] for place in answer.argmax(axis=1).tolist()]


def _headings(card: ModelCard) -> tuple[str, ...]:
    return (PREDICTION,) if card.target.outputs == 1 else tuple(card.target.classes)


def _finite(rows: Rows, answer: Array, takes: Input, suspects: Callable[[Rows], Rows]) -> Array:
    """Return ``answer`` if it is finite, else refuse the rows that overflowed, each with its value farthest out."""
    if not (are_small(answer) or np.isfinite(answer).all()):
        overflowed = np.unique(np.nonzero(~np.isfinite(answer))[0])
        wrong = np.zeros(rows.shape, bool)
        wrong[overflowed, np.argmax(np.abs(suspects(rows[overflowed])), axis=1)] = True
        raise refuse_values("overflow", rows, wrong, takes)
    return answer


def _as_they_are(rows: Rows) -> Rows:
    return rows
