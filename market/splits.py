"""Split-adjusted prices from bars as traded and the splits between them."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from market.bars import Bars, FloatArray
from market.series import Adjustment, Events, Series

# Ratios that boards choose; with a new-for-old below one they are reverse splits.
PLAUSIBLE = sorted(
    {Fraction(new) for new in (*range(2, 11), 12, 15, 16, 20, 25, 30, 35, 40, 50, 100)}
    | {Fraction(1, old) for old in (*range(2, 11), 12, 15, 16, 20, 25, 30, 35, 40, 50, 100)}
    | {Fraction(3, 2), Fraction(5, 2)}
)
# A day's own move hides the ratio in the closes; `adj_close` keeps it but for a dividend of the same day.
CONFIRMED_WITHIN = 0.03
EXPLAINED_WITHIN = 0.06
SMALLEST_JUMP = 0.25  # of the log price; below it no split is looked for


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """A series ready for features.

    Attributes:
        bars: split-adjusted to the share as it trades now.
        factor: price as traded in the newest bar's session for each unit of its adjusted close; 1.0 unless a split
            has taken effect since.
        splits: those that were applied.
        inferred: sessions of those among them that no event names but `adj_close` confirms.
        suspected: sessions with a jump that a split would explain but nothing confirms, with the likely ratio.
    """

    bars: Bars
    factor: float
    splits: Events
    inferred: tuple[np.datetime64, ...]
    suspected: Events


def split_adjusted(series: Series, now: np.datetime64) -> Adjusted:
    """Adjust a series for every split that has taken effect by session `now`.

    Events win; where none explains a jump, `adj_close` decides (a split moves the close but not the adjusted close),
    and without it the jump is only reported.

    Args:
        series: as delivered, n sessions.
        now: the running session, or else the last complete one.
    """
    known = {session: ratio for session, ratio in series.splits.items() if session <= now}
    inferred, suspected = _unexplained(series, known)
    if series.adjustment is Adjustment.SPLIT:
        # The provider has adjusted up to its newest bar; only what came later is left to do.
        ours = {session: ratio for session, ratio in known.items() if session > series.bars.session[-1]}
    else:
        ours = known | inferred
    divisor = divisors(series, ours)
    bars = _divide(series.bars, divisor) if ours else series.bars
    return Adjusted(bars, float(divisor[-1]), ours, tuple(sorted(inferred)), suspected)


def divisors(series: Series, splits: Events) -> FloatArray:
    """Shape (n,): what each bar's prices are divided by, the product of the ratios of all later splits."""
    divisor = np.ones(len(series.bars))
    for session, ratio in splits.items():
        divisor[series.bars.session < session] *= ratio
    return divisor


def plausible_ratio(jump: float, within: float) -> float | None:
    """The split ratio that a price falling to `jump` times itself looks like (0.25: 4.0), if there is one."""
    closest = min(PLAUSIBLE, key=lambda ratio: abs(np.log(float(ratio) * jump)))
    return float(closest) if abs(np.log(float(closest) * jump)) <= within else None


def _unexplained(series: Series, known: Events) -> tuple[dict[np.datetime64, float], dict[np.datetime64, float]]:
    """Jumps that no event explains: splits that `adj_close` confirms, and those that only look like one."""
    bars = series.bars
    if series.adjustment is Adjustment.SPLIT or len(bars) < 2:  # noqa: PLR2004  # a jump needs two bars
        return {}, {}
    change = bars.close[1:] / bars.close[:-1]
    overnight = bars.open[1:] / bars.close[:-1]
    confirmed: dict[np.datetime64, float] = {}
    suspected: dict[np.datetime64, float] = {}
    for index in np.flatnonzero(np.maximum(np.abs(np.log(overnight)), np.abs(np.log(change))) > SMALLEST_JUMP):
        session = bars.session[index + 1]
        if session in known:
            continue
        if series.adj_close is not None:
            kept = change[index] / (series.adj_close[index + 1] / series.adj_close[index])
            if ratio := plausible_ratio(float(kept), CONFIRMED_WITHIN):
                confirmed[session] = ratio
        elif ratio := plausible_ratio(float(overnight[index]), EXPLAINED_WITHIN):
            suspected[session] = ratio
    return confirmed, suspected


def _divide(bars: Bars, divisor: FloatArray) -> Bars:
    return Bars(
        ticker=bars.ticker,
        source=bars.source,
        session=bars.session,
        open=bars.open / divisor,
        high=bars.high / divisor,
        low=bars.low / divisor,
        close=bars.close / divisor,
        volume=bars.volume * divisor,
    )
