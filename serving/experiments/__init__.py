"""Challengers beside the champions: shadows that are scored, canaries that answer for a share of the tickers."""
