"""The ONNX graphs of a release: preprocessing in float64, products and network in float32."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.pipeline import Pipeline

from service.contract.names import FEATURES, PREDICTION, RAW, Task, count_features, hidden_output
from training.graph.encoding import add_encoding
from training.graph.nodes import Graph
from training.graph.products import ORDERED_COLUMNS, RolledProducts, add_ordered_products
from training.process import TargetScale


@dataclass(frozen=True)
class AffineLayer:
    """``x @ weight.T + bias``. weight: (outputs, inputs) float64; bias: (outputs,) float64."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]


def fold(state: Mapping[str, NDArray[np.float32]], *, target: TargetScale) -> list[AffineLayer]:
    """Return affine layers that take plain features and end in logits, or in the target's natural unit.

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


def network_graph(layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``features`` (n, features) float32 -> ``prediction`` (n,) float32, (n, k) for k > 2 classes."""
    graph = Graph()
    _add_network(graph, FEATURES, layers, task=task)
    return graph.model(source=_features(layers[0].weight.shape[1]), targets=[_prediction(layers)])


def trace_graph(layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``features`` -> ``hidden_1`` .. ``hidden_<depth>`` (n, width) float32 after ReLU, and ``prediction``."""
    graph = Graph()
    _add_network(graph, FEATURES, layers, task=task)
    hidden = [
        helper.make_tensor_value_info(hidden_output(number), TensorProto.FLOAT, ["n", len(layer.bias)])
        for number, layer in enumerate(layers[:-1], start=1)
    ]
    return graph.model(source=_features(layers[0].weight.shape[1]), targets=[*hidden, _prediction(layers)])


def pipeline_graph(preprocessing: Pipeline, layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``raw`` (n, d) float64, coded, NaN where a value is missing -> ``prediction`` as ``network_graph`` gives it."""
    graph = Graph()
    value, affine = add_encoding(graph, preprocessing)
    if affine.is_scaling() and affine.columns <= ORDERED_COLUMNS:
        _add_network(graph, add_ordered_products(graph, value, affine), layers, task=task, turned=True)
    else:
        products = RolledProducts(affine.columns)
        first = AffineLayer(products.arrange(layers[0].weight), layers[0].bias)
        _add_network(graph, products.add(graph, value, affine), [first, *layers[1:]], task=task)
    return graph.model(source=_raw(preprocessing), targets=[_prediction(layers)])


def preprocessing_graph(preprocessing: Pipeline) -> bytes:
    """``raw`` (n, d) float64, coded, NaN where a value is missing -> ``features`` (n, features) float32."""
    graph = Graph()
    value, affine = add_encoding(graph, preprocessing)
    graph.add("Transpose", add_ordered_products(graph, value, affine), perm=[1, 0], output=FEATURES)
    return graph.model(source=_raw(preprocessing), targets=[_features(count_features(affine.columns))])


def _add_network(
    graph: Graph, features: str, layers: Sequence[AffineLayer], *, task: Task, turned: bool = False
) -> None:
    """Add all layers. features: (n, features), or (features, n) where they are ``turned``."""
    value = features
    for number, layer in enumerate(layers[:-1], start=1):
        turn = turned and number == 1
        value = graph.add("Relu", _add_layer(graph, value, layer, turned=turn), output=hidden_output(number))
    last = layers[-1]
    if len(last.bias) > 1:
        # Unlike its Sigmoid, the Softmax of ONNX Runtime 1.32 is right in the tails: to 4e-6 relative, down to 1e-30.
        graph.add("Softmax", _add_layer(graph, value, last), axis=-1, output=PREDICTION)
        return
    value = _add_sigmoid(graph, value, last) if task == "classification" else _add_layer(graph, value, last)
    graph.add("Squeeze", value, graph.constant(np.array([1])), output=PREDICTION)


def _add_layer(graph: Graph, value: str, layer: AffineLayer, *, turned: bool = False) -> str:
    weight, bias = (graph.constant(part.astype(np.float32)) for part in (layer.weight.T, layer.bias))
    return graph.add("Gemm", value, weight, bias, transA=1) if turned else graph.add("Gemm", value, weight, bias)


def _add_sigmoid(graph: Graph, value: str, layer: AffineLayer) -> str:
    """1 / (1 + exp(-x)): the ``Sigmoid`` of ONNX Runtime 1.32 is off by 2e-3 relative at logits of 10.

    The minus is that of the last layer's weights.
    """
    exponential = graph.add("Exp", _add_layer(graph, value, AffineLayer(-layer.weight, -layer.bias)))
    unit = graph.constant(np.array(1, dtype=np.float32))
    return graph.add("Reciprocal", graph.add("Add", exponential, unit))


def _raw(preprocessing: Pipeline) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(RAW, TensorProto.DOUBLE, ["n", preprocessing.n_features_in_])


def _features(features: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", features])


def _prediction(layers: Sequence[AffineLayer]) -> onnx.ValueInfoProto:
    outputs = len(layers[-1].bias)
    return helper.make_tensor_value_info(PREDICTION, TensorProto.FLOAT, ["n", outputs] if outputs > 1 else ["n"])
