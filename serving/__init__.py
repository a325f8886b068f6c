"""A request's way to its answer. Nothing here imports training, MLflow, scikit-learn or pandas."""

VERSION = "0.1.0"  # the project's, as in pyproject.toml
