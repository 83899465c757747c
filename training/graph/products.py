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

from training.graph.layers import AffineLayer, add_layer
from training.graph.nodes import Graph

MULTIPLIED_COLUMNS = 100
"""Up to so many, columns of numbers are scaled by a matrix product too: fewer nodes, half a microsecond each."""
BROADCAST_COLUMNS = 150
"""From so many on, 64 rows of products fill the cache: they are written once, one factor is broadcast, and the first
layer takes them in pieces."""
PIECE = 10_000
"""Products: 64 rows of these are 2.6 MB. In smaller pieces 64 rows are quicker, but one row slower: more nodes."""


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

    The D columns and the ones are written again and again, and beside them the D + 2 columns x1 .. xD, 1, x1 again and
    again. With every D + 2 places the two have moved by one column against each other: after D // 2 + 1 such rounds
    each column has met each other one, and itself. Whoever reads the products must have weights in the same order.
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

    def add_layer(self, graph: Graph, value: str, affine: Affine, layer: AffineLayer) -> str:
        """``value`` (n, inputs) float64 -> (n, outputs) float32: the layer that reads all features.

        layer: its weights in scikit-learn's order.
        """
        columns = self._add_columns(graph, value, affine)
        weight = self.arrange(layer.weight)
        if self.columns < BROADCAST_COLUMNS:
            return add_layer(graph, self._add_products(graph, columns), AffineLayer(weight, layer.bias))
        twice = graph.add("Concat", columns, columns, axis=1)
        long = graph.add("Unsqueeze", graph.columns(twice, 0, self.period + 1), graph.constant(np.array([1])))
        total = graph.constant(layer.bias.astype(np.float32))
        for rounds in np.array_split(np.arange(self.rounds), -(-self.size // PIECE)):
            start, stop = int(rounds[0]), int(rounds[-1]) + 1
            products = self._add_piece(graph, twice, long, start=start, rounds=stop - start)
            part = weight[:, start * (self.period + 1) : stop * (self.period + 1)]
            total = graph.add("Gemm", products, graph.constant(part.T.astype(np.float32)), total)
        return total

    def _add_products(self, graph: Graph, columns: str) -> str:
        """(n, columns + 1) -> (n, size)."""
        written = graph.add("Tile", columns, graph.constant(np.array([1, self.size // self.period + 1])))
        short = graph.columns(written, 0, self.size)
        long = graph.columns(short, 0, self.period + 1)
        return graph.add("Mul", short, graph.add("Tile", long, graph.constant(np.array([1, self.rounds]))))

    def _add_piece(self, graph: Graph, twice: str, long: str, *, start: int, rounds: int) -> str:
        """Products of some rounds, which begin with the column at ``start``: (n, rounds (columns + 2)).

        twice: (n, 2 (columns + 1)), all columns two times; long: (n, 1, columns + 2).
        """
        size = rounds * (self.period + 1)
        copies, rest = divmod(size, self.period)
        columns = graph.columns(twice, start, start + self.period)
        short = graph.add("Concat", *[columns] * copies, graph.columns(columns, 0, rest), axis=1)
        parts = graph.add("Reshape", short, graph.constant(np.array([-1, rounds, self.period + 1])))
        return graph.add("Reshape", graph.add("Mul", parts, long), graph.constant(np.array([-1, size])))

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
