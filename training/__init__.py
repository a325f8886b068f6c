"""From bars to a registered, published model: walk-forward, forest, scores, MLflow, ONNX."""
