"""Trainings that users ask for, and the process that does them."""
