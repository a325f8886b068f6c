"""Scores of the served predictions once their target session has closed."""

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog

from configuration import LONGEST_HORIZON
from forecasting.distribution import PROBABILITIES, Forecast
from market.bars import Bars
from market.errors import MarketError
from market.market import Market
from serving.contract.predictions import Prediction
from serving.monitoring.track_record.accuracy import accuracy_of, realized_return
from serving.monitoring.track_record.rolling_scores import Key, RollingScores
from serving.monitoring.track_record.served_predictions import Noted, PredictionLog

log = structlog.get_logger(__name__)

# Outcomes that a rolling score looks back over: a quarter of sessions.
ROLLING = 60
# Sessions whose predictions are held in memory, the newest of each ticker and horizon; of very many models fewer, so
# that there are no more than MOST_HELD, but as many as a rolling score at the longest horizon needs.
SESSIONS_HELD, MOST_HELD, FEWEST_HELD = 300, 150_000, ROLLING + LONGEST_HORIZON
WRITE_EVERY_SECONDS = 5.0
# Between two looks at which predictions have come due.
SCORE_EVERY_SECONDS = 300.0
# Tickers that are scored together, seconds between two such parts, and how many times as long as a part they are.
SCORED_AT_ONCE, PAUSE_SECONDS, PAUSES = 16, 0.5, 4.0
# Predictions that wait for a disk that takes them; the oldest are given up first.
MOST_PENDING = 10_000


class TrackRecord:
    """Notes the first prediction of each session and source, and scores the last ROLLING of each ticker and horizon.

    Attributes:
        scores: of those whose session has come.
    """

    def __init__(self, home: Path, months_kept: int = 60, sessions_held: int = SESSIONS_HELD) -> None:
        """Keep predictions under `home`, those of the last `months_kept` months, and `sessions_held` in memory."""
        self._log = PredictionLog(home)
        self._held = sessions_held
        # Calendar days that hold as many sessions, holidays included.
        self._look_back = timedelta(sessions_held * 7 // 5 + 21)
        self._months_kept = months_kept
        self._noted_for: dict[tuple[object, ...], str] = {}
        self._pending: list[Noted] = []
        self._recent: dict[Key, dict[str, Noted]] = defaultdict(dict)
        self._arms: dict[str, dict[Key, dict[str, Noted]]] = defaultdict(lambda: defaultdict(dict))
        self.scores = RollingScores()
        self._known: dict[Key, list[tuple[Noted, float]]] = {}
        self._awaited: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()
        self._problem = ""

    def note(self, prediction: Prediction, forecast: Forecast | None = None) -> None:
        """Remember a prediction the first time it is made; a provisional one is not the session's last word.

        It is written to disk by the next `write`.

        Args:
            forecast: that the prediction was made from; its deciles are kept.
        """
        if prediction.data.provisional:
            return
        noted = _noted(prediction)
        if forecast is not None and self._is_new(noted):
            noted = replace(noted, deciles=_deciles(forecast))
        self.note_once(noted)

    def note_once(self, noted: Noted) -> None:
        """The same for what was read off a prediction, or made for an arm of an experiment beside it."""
        if self._is_new(noted):
            self._noted_for[noted.source] = noted.made_on
            self._pending.append(noted)

    def _is_new(self, noted: Noted) -> bool:
        return self._noted_for.get(noted.source, "") < noted.made_on

    def write(self) -> None:
        """Write what was noted; what the disk does not take is tried again with the next call."""
        with self._lock:
            waiting = self._pending[:]
            try:
                self._log.append(waiting)
            except OSError as error:
                del self._pending[:-MOST_PENDING]
                if self._problem != (problem := error.strerror or str(error)):
                    log.warning("predictions.not_written", waiting=len(waiting), problem=problem)
                self._problem = problem
                return
            del self._pending[: len(waiting)]
        if self._problem:
            log.info("predictions.written", waited=len(waiting))
            self._problem = ""

    def problems(self) -> list[str]:
        """A sentence when what was noted is not on disk, for `/health`."""
        if not self._problem:
            return []
        waiting = f"predictions are not written to the track record, {len(self._pending)} wait in memory"
        return [f"{waiting}: {self._problem}; see that {self._log.folder} can be written"]

    def score_due(self, bars: Mapping[str, Bars]) -> None:
        """Score the predictions whose target session is among `bars`, of all workers."""
        with self._lock:
            self._log.remove_before(_month(datetime.now(UTC).date() - timedelta(days=31 * self._months_kept)))
            self._take_in(bars.values())
            found = {key: self._due(bars[key[0]], key[1]) for key in self._recent if key[0] in bars}
            for ticker, one in bars.items():
                last = str(one.session[-1])
                self._awaited[ticker] = {target_on for target_on in self._awaited[ticker] if target_on > last}
        self._known |= {key: pairs for key, pairs in found.items() if pairs}
        self.scores.take({key: accuracy_of(pairs[-ROLLING:]) for key, pairs in found.items() if pairs})

    def outcomes(self, bars: Bars, horizon: int) -> list[tuple[Noted, float | None]]:
        """The last sessions' predictions of the ticker of `bars`, each with its return, None until that is known."""
        self.write()
        with self._lock:
            self._take_in([bars])
            return self._outcomes(bars, horizon)

    def known_outcomes(self, bars: Bars, horizon: int) -> list[tuple[Noted, float]]:
        """Those of them whose return is known."""
        return [(noted, actual) for noted, actual in self.outcomes(bars, horizon) if actual is not None]

    def arm_outcomes(self, arm: str, bars: Bars, horizon: int) -> dict[str, tuple[Noted, float]]:
        """The predictions of an arm for the ticker of `bars` whose return is known, by session."""
        self.write()
        with self._lock:
            self._take_in([bars])
            held = list(self._arms.get(arm, {}).get((bars.ticker, horizon), {}).values())
        due = ((noted, realized_return(bars, noted.made_on, noted.target_on)) for noted in held)
        return {
            noted.made_on: (noted, actual)
            for noted, actual in due
            if actual is not None and noted.simulated == bars.simulated
        }

    def head(self) -> str:
        """Hash of the line that was written last; see `hash_chain`."""
        return self._log.head()

    def tickers(self) -> list[str]:
        """Those of which a prediction is held."""
        self.write()
        with self._lock:
            self._take_in([])
            return sorted({ticker for ticker, _ in self._recent})

    def due(self, session: str) -> set[str]:
        """Those with a prediction for `session` or an earlier one that no bars were seen of when it was scored last."""
        self.write()
        with self._lock:
            self._take_in([])
            return {
                ticker
                for ticker, targets in self._awaited.items()
                if any(target_on <= session for target_on in targets)
            }

    def last_outcomes(self) -> dict[Key, list[tuple[Noted, float]]]:
        """The last sessions' predictions whose return was known when they were scored last."""
        return self._known

    async def follow(self, market: Market, tickers: Iterable[str]) -> None:
        """Write what is noted and score what has come due, in a thread, until cancelled."""
        loop, score_at = asyncio.get_running_loop(), 0.0
        while True:
            try:
                await asyncio.to_thread(self.write)
                if loop.time() >= score_at:
                    complete = str(market.sessions.last_complete(datetime.now(UTC)))
                    due = await asyncio.to_thread(self.due, complete)
                    await self._score(market, [ticker for ticker in tickers if ticker in due])
                    score_at = loop.time() + SCORE_EVERY_SECONDS
            except Exception:
                log.exception("track_record.failed")
            await asyncio.sleep(WRITE_EVERY_SECONDS)

    async def _score(self, market: Market, tickers: Sequence[str]) -> None:
        """Score few tickers at a time, and behind requests: of thousands, each has to be read again."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(tickers), SCORED_AT_ONCE):
            began = loop.time()
            bars = await _bars(market, tickers[start : start + SCORED_AT_ONCE])
            await asyncio.to_thread(self.score_due, bars)
            if len(tickers) > SCORED_AT_ONCE:
                await asyncio.sleep(max(PAUSE_SECONDS, PAUSES * (loop.time() - began)))

    def _take_in(self, series: Iterable[Bars]) -> None:
        """Hold one prediction for each ticker, horizon and session: the newest model's, else the baseline's."""
        last = min((_last_session(bars) for bars in series), default=datetime.now(UTC).date())
        for noted in self._log.read_new(_month(last - self._look_back)):
            if noted.arm:
                self._arms[noted.arm][noted.ticker, noted.horizon].setdefault(noted.made_on, noted)
                continue
            self._awaited[noted.ticker].add(noted.target_on)
            recent = self._recent[noted.ticker, noted.horizon]
            session = sys.intern(f"{noted.made_on} {noted.simulated}")
            recent[session] = max(recent.get(session, noted), noted, key=lambda one: one.version or 0)
            if len(recent) > self._held:
                del recent[min(recent)]

    def _due(self, bars: Bars, horizon: int) -> list[tuple[Noted, float]]:
        return [(noted, actual) for noted, actual in self._outcomes(bars, horizon) if actual is not None]

    def _outcomes(self, bars: Bars, horizon: int) -> list[tuple[Noted, float | None]]:
        held = sorted(self._recent.get((bars.ticker, horizon), {}).items())
        return [
            (noted, realized_return(bars, noted.made_on, noted.target_on))
            for _, noted in held
            if noted.simulated == bars.simulated
        ]


def sessions_held(models: int) -> int:
    """Of so many models, the sessions whose predictions memory holds."""
    return max(FEWEST_HELD, min(SESSIONS_HELD, MOST_HELD // max(models, 1)))


async def _bars(market: Market, tickers: Iterable[str]) -> dict[str, Bars]:
    found = {}
    for ticker in tickers:
        try:
            found[ticker] = (await market.recent(ticker)).bars
        except MarketError:
            continue  # health says so
    return found


def _noted(prediction: Prediction) -> Noted:
    price_prediction, price = prediction.prediction, prediction.current_price
    return Noted(
        ticker=prediction.ticker,
        horizon=price_prediction.horizon,
        made_on=price_prediction.made_on.isoformat(),
        target_on=price_prediction.target_on.isoformat(),
        type=prediction.model.type,
        version=prediction.model.version,
        simulated=prediction.data.history_source == "simulated",
        median=price_prediction.price_target / price - 1,
        lower=price_prediction.interval.lower / price - 1,
        upper=price_prediction.interval.upper / price - 1,
    )


def _deciles(forecast: Forecast) -> tuple[float, ...]:
    deciles = np.interp(np.arange(1, 10) / 10, PROBABILITIES, forecast.quantiles)
    return tuple(round(float(value), 8) for value in deciles)


def _last_session(bars: Bars) -> date:
    return date.fromisoformat(str(bars.session[-1]))


def _month(day: date) -> str:
    return f"{day:%Y-%m}"
