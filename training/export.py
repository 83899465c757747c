"""The ONNX graphs of a release: preprocessing in float64, products and network in float32."""

from collections.abc import Sequence
from functools import partial

import onnx
from onnx import TensorProto, helper
from sklearn.pipeline import Pipeline

from service.contract.names import FEATURES, RAW, Task, count_features
from training.graph.encoding import add_encoding
from training.graph.layers import AffineLayer, add_network, features_info, prediction_info
from training.graph.nodes import Graph
from training.graph.products import RolledProducts, add_ordered_products


def pipeline_graph(preprocessing: Pipeline, layers: Sequence[AffineLayer], *, task: Task) -> bytes:
    """``raw`` (n, d) float64, coded, NaN where a value is missing -> ``prediction`` as ``network_graph`` gives it."""
    graph = Graph()
    value, affine = add_encoding(graph, preprocessing)
    add_first = partial(RolledProducts(affine.columns).add_layer, graph, value, affine)
    add_network(graph, layers, task=task, add_first=add_first)
    return graph.model(source=_raw(preprocessing), targets=[prediction_info(layers)])


def preprocessing_graph(preprocessing: Pipeline) -> bytes:
    """``raw`` (n, d) float64, coded, NaN where a value is missing -> ``features`` (n, features) float32."""
    graph = Graph()
    value, affine = add_encoding(graph, preprocessing)
    graph.add("Transpose", add_ordered_products(graph, value, affine), perm=[1, 0], output=FEATURES)
    return graph.model(source=_raw(preprocessing), targets=[features_info(count_features(affine.columns))])


def _raw(preprocessing: Pipeline) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(RAW, TensorProto.DOUBLE, ["n", preprocessing.n_features_in_])
