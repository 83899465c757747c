"""A small release of a table with numbers, yes and no, text and gaps, made by hand: what the service must serve.

Run: BENTOML_HOME=FOLDER python -m tests.mixed_release two|three|number
"""

import sys
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from service.contract.card import (
    CARD_FORMAT,
    Cell,
    DataSource,
    Examples,
    LeftOut,
    Metrics,
    ModelCard,
    Recipe,
    Target,
)
from service.contract.names import count_features
from tests.raw_columns import MIXED
from training.store import new_version, save_release

TARGETS = {
    "two": Target(name="churn", positive_class="gone", negative_class="here", threshold=0.51, shares=[0.6, 0.4]),
    "three": Target(name="churn", classes=["a", "b, c", "d"], shares=[0.5, 0.3, 0.2]),
    "number": Target(name="churn", scale=2.0),
}
DEPTH, WIDTH = 1, 4
ENCODED = sum(feature.encoded_columns for feature in MIXED)
FEATURES = count_features(ENCODED)
ROWS: list[list[Cell]] = [
    [30.0, 52_000.0, "Yes", True, "Rom", "pro"],
    [41.5, None, "No", None, "Oslo, N", None],
    [88.0, 1_000.0, "No", False, "Bonn", "basic"],
    [19.0, 0.0, "Yes", True, "Bonn", None],
    [22.0, 70_000.0, "No", None, "Rom", "basic"],
    [95.0, 33_000.0, "Yes", False, "Paris", "pro"],  # older than any row of training, and a city that it never saw
    [64.0, 12_345.6, "No", True, "Oslo, N", "pro"],
    [51.0, None, "Yes", False, "Bonn", "basic"],
    [33.0, 44_000.0, "Yes", None, "Rom", "pro"],
]
CODES: dict[Cell, float] = {
    "No": 0, "Yes": 1, False: 0, True: 1, "Bonn": 0, "Oslo, N": 1, "Rom": 2, "Paris": -1, "basic": 0, "pro": 1,
    None: np.nan,
}  # fmt: skip


def code(rows: list[list[Cell]]) -> NDArray[np.float64]:
    """Natural values -> what the graphs take, by the table above."""
    return np.array([[CODES[cell] if not isinstance(cell, float) else cell for cell in row] for row in rows])


class Graph:
    """Nodes and constants of a graph that takes ``raw`` or ``features``."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: Any, output: str = "", **attributes: Any) -> str:
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def _constant(self, value: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def model(self, takes: tuple[str, int, int], gives: dict[str, list[Any]]) -> bytes:
        name, kind, width = takes
        source = helper.make_tensor_value_info(name, kind, ["n", width])
        targets = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in gives.items()]
        graph = helper.make_graph(self.nodes, "by_hand", [source], targets, initializer=self.constants)
        opsets = [helper.make_opsetid("", 17)]
        content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        return content


def add_preprocessing(graph: Graph, output: str = "") -> str:
    """Fill gaps, look levels up, scale, and multiply: ``raw`` -> features."""
    encoded = []
    for place, feature in enumerate(MIXED):
        value = graph.add("Gather", "raw", np.array([place]), axis=1)
        missing = graph.add("IsNaN", value)
        if feature.kind == "category":
            levels = len(feature.levels)
            known = graph.add("Where", graph.add("Less", value, np.array(0.0)), np.array(levels + 1.0), value)
            whole = graph.add("Cast", graph.add("Where", missing, np.array(float(levels)), known), to=TensorProto.INT64)
            table = np.vstack([np.eye(levels + 1), np.zeros(levels + 1)])[:, : feature.encoded_columns]
            looked_up = graph.add("Gather", table.astype(np.float32), graph.add("Squeeze", whole, np.array([1])))
            encoded.append(looked_up)
            continue
        filled = graph.add("Where", missing, np.array((feature.minimum + feature.maximum) / 2), value)
        span = np.array(feature.maximum - feature.minimum)
        scaled = graph.add("Div", graph.add("Sub", filled, np.array(feature.minimum)), span)
        encoded.append(graph.add("Cast", scaled, to=TensorProto.FLOAT))
        if feature.missing_share:
            encoded.append(graph.add("Cast", missing, to=TensorProto.FLOAT))
    together = graph.add("Concat", *encoded, axis=1)
    left, right = np.triu_indices(ENCODED)
    factors = (graph.add("Gather", together, places.astype(np.int64), axis=1) for places in (left, right))
    return graph.add("Concat", together, graph.add("Mul", *factors), axis=1, output=output)


def add_network(graph: Graph, features: str, outputs: int, *, classes: bool) -> None:
    chance = np.random.default_rng(outputs)
    first = chance.normal(0, 0.3, (FEATURES, WIDTH)).astype(np.float32)
    last = chance.normal(0, 0.5, (WIDTH, outputs)).astype(np.float32)
    hidden = graph.add("Relu", graph.add("MatMul", features, first), output="hidden_1")
    value = graph.add("MatMul", hidden, last)
    if outputs > 1:
        graph.add("Softmax", value, axis=1, output="prediction")
    else:
        graph.add("Squeeze", graph.add("Sigmoid", value) if classes else value, np.array([1]), output="prediction")


def make_graphs(target: Target) -> dict[str, bytes]:
    """File name -> content, of the preprocessing and of the architecture."""
    outputs, classes = target.outputs, bool(target.classes)
    prediction = {"prediction": ["n", outputs] if outputs > 1 else ["n"]}
    from_raw, from_features = ("raw", TensorProto.DOUBLE, len(MIXED)), ("features", TensorProto.FLOAT, FEATURES)
    preprocessing, pipeline, network = Graph(), Graph(), Graph()
    add_preprocessing(preprocessing, "features")
    add_network(pipeline, add_preprocessing(pipeline), outputs, classes=classes)
    add_network(network, "features", outputs, classes=classes)
    return {
        "preprocessing.onnx": preprocessing.model(from_raw, {"features": ["n", FEATURES]}),
        "pipeline.onnx": pipeline.model(from_raw, prediction),
        "network.onnx": network.model(from_features, prediction),
        "trace.onnx": network.model(from_features, {"hidden_1": ["n", WIDTH], **prediction}),
    }


def run(graph: bytes, values: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answer: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: values})[0]
    return answer


def make_card(version: str, target: Target, graphs: dict[str, bytes]) -> ModelCard:
    raw = code(ROWS)
    return ModelCard(
        format=CARD_FORMAT,
        release=version,
        architecture="tiny",
        task="classification" if target.classes else "regression",
        target=target,
        depth=DEPTH,
        width=WIDTH,
        parameters=WIDTH * (FEATURES + target.outputs),
        bytes=len(graphs["network.onnx"]),
        raw_features=MIXED,
        feature_names=[f"f{place}" for place in range(FEATURES)],
        recipe=Recipe(
            epochs=0, batch_size=1, learning_rate=0, weight_decay=0, dropout=0, seed=0, optimizer="none",
            schedule="none", selection="none",
        ),
        data=DataSource(
            source="by hand", fingerprint="0", rows=9, train_rows=0, validation_rows=0, test_rows=9, seed=0,
            missing_spellings=["?"], left_out=[LeftOut(name="id", reason="row number")],
        ),
        trace=[],
        test=Metrics(loss=0),
        train_seconds=0,
        peak_memory_bytes=0,
        libraries={},
        examples=Examples(
            raw=ROWS,
            features=run(graphs["preprocessing.onnx"], raw).tolist(),
            target=[0.0] * len(ROWS),
            prediction=run(graphs["pipeline.onnx"], raw).tolist(),
        ),
    )  # fmt: skip


def main() -> None:
    """Save the release that the command line names."""
    target, version = TARGETS[sys.argv[1]], new_version()
    graphs = make_graphs(target)
    card = make_card(version, target, graphs)
    preprocessing = {"preprocessing.onnx": graphs.pop("preprocessing.onnx")}
    architectures = {"tiny": {**graphs, "card.json": card.model_dump_json(exclude_none=True).encode()}}
    save_release(version, architectures=architectures, preprocessing=preprocessing, evaluation={})


if __name__ == "__main__":
    main()
