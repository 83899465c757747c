"""The degree-2 products in a graph, twice: in scikit-learn's order, and in the order that costs least.

Choosing the factors of 18,000 products takes ONNX Runtime 1.32 five times as long as the network that reads them, by
``Gather``, and twenty times as long by a matrix of ones and zeros. Here both are made of whole blocks. The columns are
followed or led by a column of ones, so that the products hold the columns themselves too.
``python -m tests.bench.bench_graph`` measures all of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from training.graph.nodes import Graph

ORDERED_COLUMNS = 20
"""Up to so many columns of numbers have their products in scikit-learn's order in the raw graph too: it then rounds its
sums as the network's graph does, at 1.6 times the network's time as well."""
MULTIPLIED_COLUMNS = 100
"""Up to so many, columns of numbers are scaled by a matrix product too: fewer nodes, half a microsecond each."""
BROADCAST_COLUMNS = 150
"""From so many on, 64 rows of products fill the cache: they are written once, and one factor is broadcast."""


@dataclass(frozen=True)
class Affine:
    """``value @ matrix + shift``, the columns before their products. matrix: (inputs, columns) float64."""

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]

    @property
    def columns(self) -> int:
        """Number of columns that come out."""
        return len(self.shift)

    def is_scaling(self) -> bool:
        """Whether each column depends on its own input alone."""
        rows, columns = self.matrix.shape
        return rows == columns and np.array_equal(self.matrix, np.diag(self.matrix.diagonal()))


def add_ordered_products(graph: Graph, value: str, affine: Affine) -> str:
    """``value`` (n, inputs) float64 -> (features, n) float32: columns, then products, in scikit-learn's order.

    All products of all columns, led by ones, of which the upper triangle is kept, row by row.
    """
    count = affine.columns + 1
    matrix = graph.constant(np.pad(affine.matrix.T, [(1, 0), (0, 0)]))
    shift = graph.constant(np.append(1.0, affine.shift)[:, np.newaxis])
    columns = graph.add("Cast", graph.add("Gemm", matrix, value, shift, transB=1), to=TensorProto.FLOAT)
    products = graph.add("Mul", graph.add("Unsqueeze", columns, graph.constant(np.array([1]))), columns)
    rows = graph.add("Reshape", products, graph.constant(np.array([count * count, -1])))
    kept = np.triu(np.ones((count, count), dtype=bool))
    kept[0, 0] = False  # one times one is no feature
    return graph.add("Compress", rows, graph.constant(kept.ravel()), axis=0)


@dataclass(frozen=True)
class RolledProducts:
    """All products of ``columns`` columns and a column of ones, by two periods.

    The D columns are written again and again, and beside them the D + 1 columns x1 .. xD, x1 again and again. With
    every D + 1 places the two have moved by one column against each other: after D // 2 + 1 such rounds each column
    has met each other one, and itself. Whoever reads the products must have weights in the same order: ``arrange``.
    """

    columns: int

    @property
    def period(self) -> int:
        """Length of the shorter period."""
        return self.columns + 1

    @property
    def rounds(self) -> int:
        """How often the longer period is written."""
        return self.period // 2 + 1

    @property
    def size(self) -> int:
        """Number of products, of which some stand there twice."""
        return self.rounds * (self.period + 1)

    def add(self, graph: Graph, value: str, affine: Affine) -> str:
        """``value`` (n, inputs) float64 -> (n, size) float32."""
        columns = self._add_columns(graph, value, affine)
        copies, rest = divmod(self.size, self.period)
        if self.columns < BROADCAST_COLUMNS:
            written = graph.add("Tile", columns, graph.constant(np.array([1, copies + 1])))
            short = graph.first_columns(written, self.size)
            long = graph.first_columns(short, self.period + 1)
            return graph.add("Mul", short, graph.add("Tile", long, graph.constant(np.array([1, self.rounds]))))
        short = graph.add("Concat", *[columns] * copies, graph.first_columns(columns, rest), axis=1)
        rounds = graph.add("Reshape", short, graph.constant(np.array([-1, self.rounds, self.period + 1])))
        products = graph.add("Mul", rounds, graph.first_columns(rounds, 1))
        return graph.add("Reshape", products, graph.constant(np.array([-1, self.size])))

    def _add_columns(self, graph: Graph, value: str, affine: Affine) -> str:
        """``value`` -> (n, columns + 1) float32, the last column all ones."""
        if affine.is_scaling() and self.columns > MULTIPLIED_COLUMNS:
            scaled = graph.add("Mul", value, graph.constant(affine.matrix.diagonal()))
            shifted = graph.add("Add", scaled, graph.constant(affine.shift))
            rounded = graph.add("Cast", shifted, to=TensorProto.FLOAT)
            widths, one = graph.constant(np.array([0, 0, 0, 1])), graph.constant(np.array(1, np.float32))
            return graph.add("Pad", rounded, widths, one)
        matrix = graph.constant(np.pad(affine.matrix, [(0, 0), (0, 1)]))
        product = graph.add("Gemm", value, matrix, graph.constant(np.append(affine.shift, 1.0)))
        return graph.add("Cast", product, to=TensorProto.FLOAT)

    def arrange(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights of the features in scikit-learn's order, (outputs, features) -> of these products, (outputs, size).

        A product that stands there twice has half its weight at either place: where a factor is out of all range,
        neither place may stay finite or turn into 0 times infinity.
        """
        feature = np.empty((self.period, self.period), np.int64)
        left, right = np.triu_indices(self.columns)
        feature[left, right] = feature[right, left] = self.columns + np.arange(len(left))
        feature[-1, :-1] = feature[:-1, -1] = np.arange(self.columns)
        feature[-1, -1] = weight.shape[1]  # one times one is no feature
        place = np.arange(self.size)
        chosen = feature[place % self.period, place % (self.period + 1) % self.period]
        padded = np.hstack([weight, np.zeros((len(weight), 1))])
        arranged: NDArray[np.float64] = padded[:, chosen] / np.bincount(chosen)[chosen]
        return arranged
