"""Prices as they come: one process keeps the connections to the providers, all others read what it gets."""
