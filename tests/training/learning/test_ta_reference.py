"""The features are those of `ta`, wherever `ta` defines them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import NAMES
from market.bars import Bars
from market.calendar.sessions import Sessions
from market.providers.simulated import FIRST, simulate
from training.errors import Deviation
from training.learning.ta_reference import TOLERANCE, check_reference, largest_deviation, reference_features


@settings(deadline=None, max_examples=15)
@given(name=st.text("ABCDEFGHIJ", min_size=1, max_size=4), length=st.integers(100, 700))
def test_agree_on_simulated_bars(sessions: Sessions, name: str, length: int) -> None:
    bars = simulate(name, sessions.session[sessions.session >= FIRST][:length])
    assert largest_deviation(bars) <= TOLERANCE


def test_agree_on_real_bars(real_bars: dict[str, Bars]) -> None:
    for bars in real_bars.values():
        assert check_reference(bars) <= TOLERANCE


def test_cover_the_first_version(short_bars: Bars) -> None:
    assert set(reference_features(short_bars)) <= set(NAMES)
    assert len(reference_features(short_bars)) == 8


def test_agree_when_nothing_was_traded(short_bars: Bars) -> None:
    columns = {name: getattr(short_bars, name) for name in ("session", "open", "high", "low", "close")}
    silent = Bars(ticker="QUIET", source="files", volume=np.zeros(len(short_bars)), **columns)
    assert largest_deviation(silent) <= TOLERANCE


def test_a_deviation_is_refused_by_name(short_bars: Bars, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.learning.ta_reference.TOLERANCE", -1.0)
    with pytest.raises(Deviation, match="TEST: features differ from ta's by"):
        check_reference(short_bars)
