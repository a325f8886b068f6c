"""Measurements; each file runs alone with `python -m benchmarks.NAME`."""
