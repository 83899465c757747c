"""From raw rows to features: gaps, levels, scaling to 0..1 and all products of degree 2, by scikit-learn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures

from service.contract.card import RawFeature
from training.columns.codes import MOST_LEVEL_COLUMNS, RARE_SHARE


def fit_preprocessing(raw: NDArray[np.float64], columns: Sequence[RawFeature], *, complete: bool = True) -> Pipeline:
    """Fit encoding, scaler and products on the training split alone.

    raw: (n, d) float64, coded as ``RawFeature`` says. complete: no row has a gap, held out or not. Steps: ``encode``,
    where gaps or categories ask for it; ``scale``; ``products``.
    """
    steps = [("scale", MinMaxScaler()), ("products", PolynomialFeatures(degree=2, include_bias=False))]
    if not complete or np.isnan(raw).any() or any(column.kind == "category" for column in columns):
        steps.insert(0, ("encode", _encoding(raw, columns)))
    return Pipeline(steps).fit(raw)


def _encoding(raw: NDArray[np.float64], columns: Sequence[RawFeature]) -> ColumnTransformer:
    """Return what encodes: ``values`` (numbers and booleans, then indicators of gaps), then ``levels`` (categories).

    A level that training never saw, and a gap where the training rows have none, count as rare levels where a category
    groups some, else as no level at all.
    """
    values = [place for place, column in enumerate(columns) if column.kind != "category"]
    categories = [place for place, column in enumerate(columns) if column.kind == "category"]
    parts: list[tuple[str, BaseEstimator, list[int]]] = []
    if values:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        parts.append(("values", imputer, values))
    if categories:
        encoder = OneHotEncoder(
            categories=[_codes(raw[:, place], columns[place]) for place in categories],
            min_frequency=RARE_SHARE,
            max_categories=MOST_LEVEL_COLUMNS,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
        )
        parts.append(("levels", encoder, categories))
    return ColumnTransformer(parts)


def _codes(values: NDArray[np.float64], column: RawFeature) -> NDArray[np.float64]:
    """Codes of a category's levels; NaN is one more where the training rows have gaps."""
    codes = np.arange(len(column.levels), dtype=np.float64)
    return np.append(codes, np.nan) if np.isnan(values).any() else codes


def scale(pipeline: Pipeline, raw: NDArray[np.float64]) -> NDArray[np.float32]:
    """Encode and scale in float64, then round. raw: (n, d) float64 -> (n, encoded) float32; no products."""
    scaled: NDArray[np.float64] = pipeline[:-1].transform(raw)
    return scaled.astype(np.float32)


def count_encoded(pipeline: Pipeline) -> int:
    """How many columns the raw ones became before the products."""
    return int(pipeline["scale"].n_features_in_)


def feature_names(pipeline: Pipeline, columns: Sequence[RawFeature]) -> list[str]:
    """Name the features as people read them: ``age``, ``age missing``, ``colour=red``, ``age colour=red``."""
    names: list[str] = pipeline["products"].get_feature_names_out(_encoded_names(pipeline, columns)).tolist()
    return names


def _encoded_names(pipeline: Pipeline, columns: Sequence[RawFeature]) -> list[str]:
    if "encode" not in pipeline.named_steps:
        return [column.name for column in columns]
    names = []
    for part, fitted, places in pipeline["encode"].transformers_:
        if part == "values":
            names += [columns[place].name for place in places]
            names += [f"{columns[places[index]].name} missing" for index in fitted.indicator_.features_]
            continue
        for place, codes, rare in zip(places, fitted.categories_, fitted.infrequent_categories_, strict=True):
            names += [_level_name(columns[place], code) for code in codes[have_columns(codes, rare)]]
            names += [] if rare is None else [f"{columns[place].name}=(rare)"]
    return names


def have_columns(codes: NDArray[np.float64], rare: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    """Say which of a fitted category's levels have a column of their own. rare: those that share one, None: none do."""
    if rare is None:
        return np.ones(len(codes), dtype=bool)
    return ~(np.isin(codes, rare) | (np.isnan(codes) & np.isnan(rare).any()))


def _level_name(column: RawFeature, code: float) -> str:
    return f"{column.name} missing" if np.isnan(code) else f"{column.name}={column.levels[int(code)]}"
