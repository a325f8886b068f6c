"""A portfolio trades at the next open, pays for what it trades, and knows nothing of what comes."""

from dataclasses import replace

import numpy as np
import pytest

from market.bars import Bars
from tests.training.recipes_of_tests import quick
from training.backtest.panel import Member, Panel, member, panel
from training.backtest.portfolio import trade
from training.backtest.strategies import STRATEGIES
from training.errors import TooFewSessions

SESSIONS = np.datetime64("2021-01-04") + np.arange(300)


@pytest.fixture
def drawn() -> Panel:
    rng = np.random.default_rng(1)
    volatility, chance, held = rng.uniform(0.01, 0.03, (300, 3)), rng.random((300, 3)), rng.normal(0, 0.02, (300, 3))
    return Panel(("A", "B", "C"), SESSIONS, volatility, chance, held)


def test_a_return_runs_from_the_next_open_to_the_one_after(short_bars: Bars) -> None:
    found = member(short_bars, quick(refit_every=300, tested=240, name="linear"))

    assert isinstance(found, Member)
    place = int(np.searchsorted(short_bars.session, found.session[7]))
    assert found.held[7] == short_bars.open[place + 2] / short_bars.open[place + 1] - 1
    assert found.session[-1] == short_bars.session[-3], "the last whose return is known"
    assert found.volatility.size == found.session.size == found.probability_up.size


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_comes_later_changes_no_share(drawn: Panel, name: str) -> None:
    after = np.arange(300)[:, np.newaxis] >= 200
    other = replace(
        drawn,
        volatility=np.where(after, 1.0, drawn.volatility),
        probability_up=np.where(after, 0.0, drawn.probability_up),
        held=np.where(after, 0.5, drawn.held),
    )
    np.testing.assert_array_equal(STRATEGIES[name](drawn)[:200], STRATEGIES[name](other)[:200])


def test_shares_are_what_their_names_say(drawn: Panel) -> None:
    shares = {name: strategy(drawn) for name, strategy in STRATEGIES.items()}

    for name in ("equal_weight", "buy_and_hold", "inverse_width"):
        np.testing.assert_allclose(shares[name].sum(axis=1), 1)
    np.testing.assert_allclose((shares["inverse_width"] * drawn.volatility).std(axis=1), 0, atol=1e-12)
    assert shares["volatility_targeting"].max() <= 1 / 3
    assert set(np.unique(shares["sign_following"])) == {-1 / 3, 1 / 3}


def test_who_buys_once_trades_once_and_earns_the_mean(drawn: Panel) -> None:
    account = trade(STRATEGIES["buy_and_hold"](drawn), drawn.held, 0.001)

    assert account.turnover[0] == pytest.approx(1)
    np.testing.assert_allclose(account.turnover[1:], 0, atol=1e-12)
    assert account.worth[-1] == pytest.approx(0.999 * np.prod(1 + drawn.held, axis=0).mean())


def test_costs_are_of_what_is_bought_and_sold() -> None:
    held = np.array([[0.1, 0.0], [0.0, 0.0]])
    shares = np.array([[0.5, 0.5], [1.0, 0.0]])

    account = trade(shares, held, 0.01)

    sold = 0.5 / 1.05
    assert account.turnover == pytest.approx([1.0, 2 * sold])
    assert account.returns == pytest.approx([0.99 * 1.05 - 1, -0.01 * 2 * sold])


def test_a_year_of_sessions_in_common_is_needed(drawn: Panel) -> None:
    one = Member("A", SESSIONS, drawn.volatility[:, 0], drawn.probability_up[:, 0], drawn.held[:, 0])
    late = replace(one, ticker="B", session=SESSIONS + 100)

    assert panel([one, one]).held.shape == (300, 2)
    with pytest.raises(TooFewSessions, match="200 sessions have forecasts of all tickers, but 252 are needed"):
        panel([one, late])
