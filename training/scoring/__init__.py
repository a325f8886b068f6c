"""Forecasts of the past beside what came of them: baselines, scores, pictures."""
