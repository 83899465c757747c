"""From coded raw values to scaled columns in a graph: gaps filled, indicators, a column for each level, 0..1.

All of it but the comparisons is one affine map, which is one matrix product in float64: which values go where, what
scales them, and that a rare level is what no other one of its category is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.pipeline import Pipeline

from service.contract.names import RAW
from service.contract.policies import UNKNOWN_CODE
from training.graph.nodes import Graph
from training.graph.products import Affine
from training.preprocessing import have_columns


def add_encoding(graph: Graph, preprocessing: Pipeline) -> tuple[str, Affine]:
    """``raw`` (n, d) float64 -> filled values and flags, float64, and the map from there to the scaled columns.

    Whoever computes the map rounds to float32 after it: a time stamp has no room there before.
    """
    scaler = preprocessing["scale"]
    if "encode" in preprocessing.named_steps:
        steps = Steps.read(preprocessing)
        value, encoded = _add_comparisons(graph, steps), steps.affine()
    else:
        columns = scaler.n_features_in_
        value, encoded = RAW, Affine(np.eye(columns), np.zeros(columns))
    return value, Affine(encoded.matrix * scaler.scale_, encoded.shift * scaler.scale_ + scaler.min_)


def _add_comparisons(graph: Graph, steps: "Steps") -> str:
    """Return the filled raw values, followed by flags, 0 or 1, of gaps (where any count) and of levels."""
    missing = graph.add("IsNaN", RAW)
    filled = graph.add("Where", missing, graph.constant(steps.fills), RAW)
    flags = [missing] if steps.indicated else []
    if steps.compared:
        sources, codes = (np.array(part) for part in zip(*steps.compared, strict=True))
        spread = graph.add("Gather", filled, graph.constant(sources), axis=1)
        flags.append(graph.add("Equal", spread, graph.constant(codes)))
    if not flags:
        return filled
    joined = graph.add("Concat", *flags, axis=1) if len(flags) > 1 else flags[0]
    return graph.add("Concat", filled, graph.add("Cast", joined, to=TensorProto.DOUBLE), axis=1)


@dataclass(frozen=True)
class Steps:
    """What scikit-learn's encoding does, by raw column."""

    fills: NDArray[np.float64]
    """(d,) what stands for a gap: the median, or the code of the level that gaps are."""
    values: list[int]
    """Raw columns that go on as numbers."""
    indicated: list[int]
    """Raw columns whose gaps have an indicator."""
    levels: list[list[tuple[int, float]]]
    """Of each category the levels that have a column: its raw column and the level's code."""
    grouped: list[bool]
    """Of each category whether a further column stands for all other levels."""

    @property
    def compared(self) -> list[tuple[int, float]]:
        """Raw column and code of every level that has a column."""
        return [level for category in self.levels for level in category]

    @classmethod
    def read(cls, preprocessing: Pipeline) -> "Steps":
        """Take them from the fitted pipeline."""
        encode = preprocessing["encode"]
        sources = {name: list(columns) for name, _, columns in encode.transformers_}
        fills = np.full(encode.n_features_in_, UNKNOWN_CODE)
        values, indicated, levels, grouped = sources.get("values", []), [], [], []
        if values:
            imputer = encode.named_transformers_["values"]
            fills[values] = imputer.statistics_
            indicated = [values[index] for index in imputer.indicator_.features_]
        if "levels" in sources:
            encoder = encode.named_transformers_["levels"]
            of_categories = (sources["levels"], encoder.categories_, encoder.infrequent_categories_)
            for source, codes, rare in zip(*of_categories, strict=True):
                of_gaps = float(np.sum(~np.isnan(codes)))  # the code after the last level's
                kept = codes[have_columns(codes, rare)]
                if np.isnan(kept).any():
                    fills[source] = of_gaps
                levels.append([(source, code) for code in np.nan_to_num(kept, nan=of_gaps).tolist()])
                grouped.append(rare is not None)
        return cls(fills, values, indicated, levels, grouped)

    def affine(self) -> Affine:
        """Return the map from filled values, flags of gaps where any count, and of levels, to encoded columns."""
        columns = len(self.fills)
        gaps = columns if self.indicated else 0
        width = len(self.values) + len(self.indicated) + len(self.compared) + sum(self.grouped)
        matrix, shift = np.zeros((columns + gaps + len(self.compared), width)), np.zeros(width)
        rows = self.values + [columns + source for source in self.indicated]
        matrix[rows, np.arange(len(rows))] = 1
        row, column = columns + gaps, len(rows)
        for category, grouped in zip(self.levels, self.grouped, strict=True):
            count = len(category)
            matrix[row : row + count, column : column + count] = np.eye(count)
            if grouped:
                matrix[row : row + count, column + count] = -1
                shift[column + count] = 1
            row, column = row + count, column + count + grouped
        return Affine(matrix, shift)
