"""An ONNX graph as it grows: nodes and constants are added, then the file's bytes are taken.

Written with ``onnx.helper`` rather than traced: milliseconds, one small file, and no node that nobody asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8
"""Old enough for every ONNX Runtime since 1.12, and all that these nodes need."""


@dataclass
class Graph:
    """Nodes and constants, as they are added. A value is known by its name."""

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

    def columns(self, value: str, start: int, stop: int) -> str:
        """Return some columns of a matrix."""
        first, end, axis = (self.constant(np.array([number])) for number in (start, stop, 1))
        return self.add("Slice", value, first, end, axis)

    def model(self, *, source: onnx.ValueInfoProto, targets: Sequence[onnx.ValueInfoProto]) -> bytes:
        """Check the graph and return the file's bytes."""
        graph = helper.make_graph(self.nodes, "archscale", [source], list(targets), initializer=self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="archscale")
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
