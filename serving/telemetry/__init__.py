"""Metrics, traces and the time of each step."""
