"""The order of the degree-2 products, for whoever computes them: scikit-learn's."""

import numpy as np
from numpy.typing import NDArray


def product_columns(columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Left and right factors of the products of ``columns`` scaled columns, as column indices."""
    left, right = np.triu_indices(columns)
    return left.astype(np.int64), right.astype(np.int64)
