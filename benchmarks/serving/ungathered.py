"""This service with one call to the forests for each row, as a comparison; nobody should run it."""

from concurrency import micro_batcher

micro_batcher.LARGEST_CALL = 1

from service import StockPrediction  # noqa: E402

__all__ = ["StockPrediction"]
