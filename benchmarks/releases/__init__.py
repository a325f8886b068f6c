"""This release beside another checkout."""
