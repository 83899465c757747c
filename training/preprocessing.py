"""From raw rows to features: scaling to 0..1 and all products of degree 2, by scikit-learn."""

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

RARE_SHARE = 0.01
"""Levels of a category that fewer training rows have are grouped (``min_frequency`` of OneHotEncoder)."""
MOST_LEVEL_COLUMNS = 20
"""Columns that one category may become; the rarest levels are grouped (``max_categories`` of OneHotEncoder)."""


def fit_preprocessing(raw: NDArray[np.float64]) -> Pipeline:
    """Fit scaler and products on the training split alone. raw: (n, d) float64, natural units."""
    pipeline = Pipeline([("scale", MinMaxScaler()), ("products", PolynomialFeatures(degree=2, include_bias=False))])
    return pipeline.fit(raw)


def scale(pipeline: Pipeline, raw: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale in float64, then round. raw: (n, d) float64 -> (n, d) float32; the products are left to the reader."""
    scaled: NDArray[np.float64] = pipeline["scale"].transform(raw)
    return scaled.astype(np.float32)
