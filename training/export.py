"""The ONNX graphs, written node by node: scaling in float64, products, and the network in float32.

Written with ``onnx.helper`` rather than traced: milliseconds, one small file, and no node that nobody asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.pipeline import Pipeline

from service.contract.names import FEATURES, PREDICTION, RAW, Task, count_features, hidden_output
from training.process import TargetScale

OPSET = 17
IR_VERSION = 8
"""Old enough for every ONNX Runtime since 1.12, and all that these nodes need."""


@dataclass(frozen=True)
class AffineLayer:
    """``x @ weight.T + bias``. weight: (outputs, inputs) float64; bias: (outputs,) float64."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


def fold(state: Mapping[str, NDArray[np.float32]], *, target: TargetScale) -> list[AffineLayer]:
    """Return affine layers that take plain features and end in a logit, or in the target's natural unit.

    Computed in float64: the standardisation goes into the first layer, the target's mean and scale into the last.
    state: the network's arrays by name, layers in order.
    """
    arrays = {name: array.astype(np.float64) for name, array in state.items()}
    names = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    layers = [AffineLayer(weight=arrays[f"{name}.weight"], bias=arrays[f"{name}.bias"]) for name in names]
    weight = layers[0].weight / arrays["deviation"]
    layers[0] = AffineLayer(weight=weight, bias=layers[0].bias - weight @ arrays["mean"])
    last = layers[-1]
    layers[-1] = AffineLayer(weight=last.weight * target.scale, bias=last.bias * target.scale + target.mean)
    return layers


@dataclass
class _Graph:
    """Nodes and constants, as they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def model(self, *, source: onnx.ValueInfoProto, targets: Sequence[onnx.ValueInfoProto]) -> bytes:
        """Check the graph and return the file's bytes."""
        graph = helper.make_graph(self.nodes, "archscale", [source], list(targets), initializer=self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="archscale")
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content


def network_graph(layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``features`` (n, features) float32 -> ``prediction`` (n,) float32."""
    graph = _Graph()
    _add_network(graph, FEATURES, layers, task=task)
    return graph.model(source=_features(layers[0].weight.shape[1]), targets=[_prediction()])


def trace_graph(layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``features`` -> ``hidden_1`` .. ``hidden_<depth>`` (n, width) float32 after ReLU, and ``prediction``."""
    graph = _Graph()
    _add_network(graph, FEATURES, layers, task=task)
    hidden = [
        helper.make_tensor_value_info(hidden_output(number), TensorProto.FLOAT, ["n", len(layer.bias)])
        for number, layer in enumerate(layers[:-1], start=1)
    ]
    return graph.model(source=_features(layers[0].weight.shape[1]), targets=[*hidden, _prediction()])


def pipeline_graph(preprocessing: Pipeline, layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``raw`` (n, d) float64 -> ``prediction`` (n,) float32."""
    graph = _Graph()
    _add_network(graph, _add_preprocessing(graph, preprocessing), layers, task=task)
    return graph.model(source=_raw(preprocessing), targets=[_prediction()])


def preprocessing_graph(preprocessing: Pipeline) -> bytes:
    """``raw`` (n, d) float64 -> ``features`` (n, features) float32."""
    graph = _Graph()
    _add_preprocessing(graph, preprocessing, output=FEATURES)
    features = count_features(preprocessing["scale"].n_features_in_)
    return graph.model(source=_raw(preprocessing), targets=[_features(features)])


def _add_preprocessing(graph: _Graph, preprocessing: Pipeline, *, output: str = "") -> str:
    """Scale in float64 and round after: a time stamp has no room in float32 before.

    Every feature is the product of two factors, which two matrices of zeros and ones pick from the scaled columns: the
    columns themselves (times 1), then their products. Picking is exact, and for one row it takes half the time of
    gathering (ONNX Runtime 1.32); for many rows both take the same.
    """
    scaler = preprocessing["scale"]
    columns = scaler.n_features_in_
    left, right = np.triu_indices(columns)
    scaled = graph.add("Mul", RAW, graph.constant(scaler.scale_))
    shifted = graph.add("Add", scaled, graph.constant(scaler.min_))
    rounded = graph.add("Cast", shifted, to=TensorProto.FLOAT)
    identity = np.eye(columns, dtype=np.float32)
    first = graph.constant(np.hstack([identity, identity[:, left]]))
    second = graph.constant(np.hstack([np.zeros_like(identity), identity[:, right]]))
    ones = graph.constant(np.repeat(np.array([1, 0], np.float32), [columns, len(right)]))
    return graph.add("Mul", graph.add("Gemm", rounded, first), graph.add("Gemm", rounded, second, ones), output=output)


def _add_network(graph: _Graph, features: str, layers: Sequence[AffineLayer], *, task: Task) -> None:
    value = features
    for number, layer in enumerate(layers[:-1], start=1):
        value = graph.add("Relu", _add_layer(graph, value, layer), output=hidden_output(number))
    value = _add_sigmoid(graph, value, layers[-1]) if task == "classification" else _add_layer(graph, value, layers[-1])
    graph.add("Squeeze", value, graph.constant(np.array([1])), output=PREDICTION)


def _add_layer(graph: _Graph, value: str, layer: AffineLayer) -> str:
    weight = graph.constant(layer.weight.T.astype(np.float32))
    return graph.add("Gemm", value, weight, graph.constant(layer.bias.astype(np.float32)))


def _add_sigmoid(graph: _Graph, value: str, layer: AffineLayer) -> str:
    """1 / (1 + exp(-x)): the ``Sigmoid`` of ONNX Runtime 1.32 is off by 2e-3 relative at logits of 10.

    The minus is that of the last layer's weights.
    """
    exponential = graph.add("Exp", _add_layer(graph, value, AffineLayer(-layer.weight, -layer.bias)))
    unit = graph.constant(np.array(1, dtype=np.float32))
    return graph.add("Reciprocal", graph.add("Add", exponential, unit))


def _raw(preprocessing: Pipeline) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(RAW, TensorProto.DOUBLE, ["n", preprocessing["scale"].n_features_in_])


def _features(features: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", features])


def _prediction() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(PREDICTION, TensorProto.FLOAT, ["n"])
