"""A request's way to its answer. Nothing here imports training, MLflow, scikit-learn or pandas."""
