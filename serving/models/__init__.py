"""The published models: which one serves, its ONNX session, and the Open Inference Protocol."""
