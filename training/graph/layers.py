"""The network in a graph: affine layers with ReLU between, from features to what is predicted.

Takes neither scikit-learn nor PyTorch: a process that trains one point of a sweep starts a second sooner without.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from service.contract.names import FEATURES, PREDICTION, Task, hidden_output
from training.graph.nodes import Graph
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
    add_network(graph, layers, task=task, add_first=partial(add_layer, graph, FEATURES))
    return graph.model(source=features_info(layers[0].weight.shape[1]), targets=[prediction_info(layers)])


def trace_graph(layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``features`` -> ``hidden_1`` .. ``hidden_<depth>`` (n, width) float32 after ReLU, and ``prediction``."""
    graph = Graph()
    add_network(graph, layers, task=task, add_first=partial(add_layer, graph, FEATURES))
    hidden = [
        helper.make_tensor_value_info(hidden_output(number), TensorProto.FLOAT, ["n", len(layer.bias)])
        for number, layer in enumerate(layers[:-1], start=1)
    ]
    return graph.model(source=features_info(layers[0].weight.shape[1]), targets=[*hidden, prediction_info(layers)])


def add_network(
    graph: Graph, layers: Sequence[AffineLayer], *, task: Task, add_first: Callable[[AffineLayer], str]
) -> None:
    """Add all layers; the last gives ``prediction``.

    add_first: adds the layer that reads the features, and returns its output, (n, outputs).
    """
    add, last = add_first, layers[-1]
    for number, layer in enumerate(layers[:-1], start=1):
        value = graph.add("Relu", add(layer), output=hidden_output(number))
        add = partial(add_layer, graph, value)
    if len(last.bias) > 1:
        # Unlike its Sigmoid, the Softmax of ONNX Runtime 1.32 is right in the tails: to 4e-6 relative, down to 1e-30.
        graph.add("Softmax", add(last), axis=-1, output=PREDICTION)
        return
    output = _add_sigmoid(graph, last, add) if task == "classification" else add(last)
    graph.add("Squeeze", output, graph.constant(np.array([1])), output=PREDICTION)


def add_layer(graph: Graph, value: str, layer: AffineLayer) -> str:
    """Take (n, inputs); return (n, outputs)."""
    weight, bias = (graph.constant(part.astype(np.float32)) for part in (layer.weight.T, layer.bias))
    return graph.add("Gemm", value, weight, bias)


def _add_sigmoid(graph: Graph, layer: AffineLayer, add: Callable[[AffineLayer], str]) -> str:
    """1 / (1 + exp(-x)): the ``Sigmoid`` of ONNX Runtime 1.32 is off by 2e-3 relative at logits of 10.

    The minus is that of the last layer's weights.
    """
    exponential = graph.add("Exp", add(AffineLayer(-layer.weight, -layer.bias)))
    unit = graph.constant(np.array(1, dtype=np.float32))
    return graph.add("Reciprocal", graph.add("Add", exponential, unit))


def features_info(features: int) -> onnx.ValueInfoProto:
    """Describe ``features``: (n, features) float32."""
    return helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["n", features])


def prediction_info(layers: Sequence[AffineLayer]) -> onnx.ValueInfoProto:
    """Describe ``prediction``: (n,) float32, or (n, k)."""
    outputs = len(layers[-1].bias)
    return helper.make_tensor_value_info(PREDICTION, TensorProto.FLOAT, ["n", outputs] if outputs > 1 else ["n"])
