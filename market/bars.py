"""Daily bars of one ticker, as columns."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from market.errors import InvalidBars

FloatArray = NDArray[np.float64]
SessionArray = NDArray[np.datetime64]

SIMULATED = "simulated"
COLUMNS = ("open", "high", "low", "close", "volume")

# Providers round open, high, low and close of a bar independently when they adjust for splits.
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Split-adjusted daily bars, ascending by session; checked when made.

    Attributes:
        ticker: upper case.
        source: name of the provider they came from.
        session: shape (n,), datetime64[D], strictly ascending.
        open, high, low, close: shape (n,), positive, in the quote currency.
        volume: shape (n,), shares, not negative.

    Raises:
        InvalidBars: naming the first bar that breaks a rule.
    """

    ticker: str
    source: str
    session: SessionArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        self._freeze()
        if not self.session.size:
            raise InvalidBars(self.ticker, "there is no bar at all")
        for name in COLUMNS:
            self._refuse(~np.isfinite(getattr(self, name)), f"{name} is missing or not a number")
            if name != "volume":
                self._refuse(getattr(self, name) <= 0, f"{name} is not positive")
        self._refuse(self.volume < 0, "volume is negative")
        self._refuse(self.high < self.low, "high is below low")
        body_high, body_low = np.maximum(self.open, self.close), np.minimum(self.open, self.close)
        self._refuse(body_high > self.high * (1 + ROUNDING), "open or close is above high")
        self._refuse(body_low < self.low * (1 - ROUNDING), "open or close is below low")
        step = np.diff(self.session).astype(np.int64)
        self._refuse(np.concatenate(([False], step == 0)), "the date stands there twice")
        self._refuse(np.concatenate(([False], step < 0)), "the date is before the one above it")

    def __len__(self) -> int:
        return int(self.session.size)

    def __getitem__(self, part: slice) -> "Bars":
        """The same series over a slice of its bars, not checked again."""
        cut = object.__new__(Bars)
        for field in fields(self):
            value = getattr(self, field.name)
            object.__setattr__(cut, field.name, value[part] if isinstance(value, np.ndarray) else value)
        return cut

    @property
    def simulated(self) -> bool:
        """Whether the prices are invented."""
        return self.source == SIMULATED

    def fingerprint(self) -> str:
        """SHA-256 of all columns, in hexadecimal."""
        digest = hashlib.sha256(self.session.astype(np.int64).tobytes())
        for name in COLUMNS:
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()

    def _freeze(self) -> None:
        kinds: dict[str, Any] = dict.fromkeys(COLUMNS, np.float64) | {"session": "datetime64[D]"}
        for name, kind in kinds.items():
            column = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if column.shape != np.shape(self.session) or column.ndim != 1:
                raise InvalidBars(self.ticker, f"{name} has shape {column.shape}, session {np.shape(self.session)}")
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def _refuse(self, broken: NDArray[np.bool_], reason: str) -> None:
        if broken.any():
            index = int(np.argmax(broken))
            raise InvalidBars(self.ticker, f"{self.session[index]}: {reason}", index)
