"""Fitted models as ONNX files."""
