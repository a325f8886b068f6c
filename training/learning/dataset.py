"""Inputs and targets of one ticker: one row per session, ascending."""

from dataclasses import dataclass

import numpy as np

from features import WARM_UP, Moves, features_and_level
from features.matrix import FeatureMatrix
from features.sequence import model_inputs, sequences
from features.windows import trailing_mean
from forecasting.reports.schedule import ReportSchedule
from market.bars import Bars, FloatArray, SessionArray
from training.errors import NothingMoves
from training.learning.report_effects import ReportEffects

# The log ratio is taken of no less than this, so that a session without a range stays finite.
SMALLEST_RATIO = 0.02
# Share of the sessions in which the close of a traded ticker changes, at least.
SMALLEST_MOVING_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """The sessions of one ticker that have all inputs, n of them, ascending.

    Attributes:
        source: provider of the bars.
        session: shape (n,), made-on sessions.
        close: shape (n,).
        inputs: shape (n, k), float32, without gaps.
        sequence: shape (n, SESSIONS * len(NAMES) of `features.sequence`), float32, for models that read one.
        unit: shape (n,), volatility level times the square root of the horizon: one return of usual size.
        actual: shape (n,), simple return over the next `horizon` sessions; NaN for the last `horizon` rows.
        log_ratio: shape (n,), log of the root mean squared true range of those sessions over the level; NaN likewise.
            The range says more about how wide the next return may be than the one return that happened.
        bars_sha256: of the bars they were made from.
        reports: what is known of the ticker's reports.
    """

    ticker: str
    horizon: int
    source: str
    simulated: bool
    session: SessionArray
    close: FloatArray
    inputs: FeatureMatrix
    sequence: FeatureMatrix
    unit: FloatArray
    actual: FloatArray
    log_ratio: FloatArray
    bars_sha256: str
    reports: ReportEffects

    def __len__(self) -> int:
        return int(self.session.size)

    def model_inputs(self, rows: "slice | np.ndarray[tuple[int], np.dtype[np.int64]]", sessions: int) -> FeatureMatrix:
        """What a model takes that reads the moves of the last `sessions` sessions, at these rows."""
        return model_inputs(self.inputs[rows], self.sequence[rows], sessions)

    @property
    def known(self) -> int:
        """Number of leading rows whose return is known."""
        return max(len(self) - self.horizon, 0)


def make_dataset(bars: Bars, horizon: int, schedule: ReportSchedule | None = None) -> Dataset:
    """Inputs and targets of every session of `bars` after the warm-up of the features.

    Args:
        bars: split-adjusted, complete sessions only.
        horizon: sessions ahead.
        schedule: the ticker's reports, where dates are known.

    Raises:
        NothingMoves: half of the returns or more are exactly zero.
    """
    moving = np.count_nonzero(np.diff(bars.close))
    if len(bars) > 1 and moving < (len(bars) - 1) * SMALLEST_MOVING_SHARE:
        raise NothingMoves(
            f"{bars.ticker}: the close moved in {moving} of {len(bars) - 1} sessions; check whether it still trades"
        )
    complete = slice(WARM_UP, None)
    inputs, level = features_and_level(bars, horizon)
    actual, ranged = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    if len(bars) > horizon + 1:
        actual[:-horizon] = bars.close[horizon:] / bars.close[:-horizon] - 1
        ranged[:-horizon] = np.sqrt(trailing_mean(Moves(bars).true_range ** 2, horizon, len(bars) - horizon))
    return Dataset(
        ticker=bars.ticker,
        horizon=horizon,
        source=bars.source,
        simulated=bars.simulated,
        session=bars.session[complete],
        close=bars.close[complete],
        inputs=inputs[complete],
        sequence=sequences(Moves(bars), level)[complete],
        unit=level[complete] * np.sqrt(horizon),
        actual=actual[complete],
        log_ratio=np.log(np.maximum(ranged[complete] / level[complete], SMALLEST_RATIO)),
        bars_sha256=bars.fingerprint(),
        reports=_reports(schedule, bars, level, horizon),
    )


def _reports(schedule: ReportSchedule | None, bars: Bars, level: FloatArray, horizon: int) -> ReportEffects:
    complete = slice(WARM_UP, None)
    if schedule is None:
        return ReportEffects.none(bars.session[complete].size)
    return ReportEffects.of(schedule, bars.session[complete], bars.close[complete], level[complete], horizon)
