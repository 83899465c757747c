"""The parts that the exported ONNX graphs are made of."""
