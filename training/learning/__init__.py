"""From bars to a scored model; touches neither MLflow nor any store."""
