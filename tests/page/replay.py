"""Past forecasts for a page that has just begun: the baseline's, made as of each of the last sessions."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from forecasting.baseline import baseline_forecast
from market.bars import Bars
from serving.contract.predictions import DataReference, ModelReference, Prediction
from serving.monitoring.track_record.track_record import TrackRecord
from serving.predictions.price_prediction import price_prediction


def replay(home: Path, bars: Bars, horizon: int, sessions: int) -> None:
    """Note the forecasts of the last `sessions` sessions of `bars` in the track record under `home`."""
    record = TrackRecord(home)
    for prediction in _predictions(bars, horizon, sessions):
        record.note(prediction)
    record.write()


def _predictions(bars: Bars, horizon: int, sessions: int) -> Iterator[Prediction]:
    for last in range(len(bars) - sessions, len(bars) - horizon):
        known, target = bars[: last + 1], bars.session[last + horizon]
        close = float(known.close[-1])
        made_on = _date(known.session[-1])
        at = np.datetime64(known.session[-1], "s").astype(object)
        yield Prediction.model_validate(
            {
                "ticker": bars.ticker,
                "current_price": close,
                "prediction": price_prediction(baseline_forecast(known, horizon), close, made_on, _date(target)),
                "model": ModelReference(type="baseline", version=None, run_id=None, trained_at=None),
                "data": DataReference.model_validate(
                    {
                        "source": bars.source,
                        "history_source": bars.source,
                        "as_of": at,
                        "provisional": False,
                        "stale": False,
                    }
                ),
                "timestamp": at,
            }
        )


def _date(session: np.datetime64) -> date:
    return date.fromisoformat(str(session))
