"""Recipes side by side: the same folds, one table, one run in MLflow."""
