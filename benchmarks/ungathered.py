"""This service with one call to the forests for each row, as a comparison; nobody should run it."""

from serving import gathering

gathering.LARGEST_CALL = 1

from service import StockPrediction  # noqa: E402

__all__ = ["StockPrediction"]
