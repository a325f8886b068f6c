"""How far a ticker moves when it reports."""

import numpy as np
import pytest

from forecasting.reports.reaction import LARGEST_SQUARE, USUAL, Reaction, reaction_of
from market.bars import FloatArray


def reports(count: int, size: float, *, same_session: bool, seed: int = 1) -> FloatArray:
    """Squared returns of a filing session and the next, one of which is larger by `size`."""
    squares = np.random.default_rng(seed).standard_normal((count, 2)) ** 2
    squares[:, 0 if same_session else 1] *= 1 + size
    return squares


def test_without_reports_is_the_usual_one() -> None:
    assert reaction_of(np.empty((0, 2))).model_dump() == pytest.approx(USUAL.model_dump())


@pytest.mark.parametrize("same_session", [True, False])
def test_is_learnt_with_its_timing_from_the_tickers_own_reports(same_session: bool) -> None:  # noqa: FBT001
    found = reaction_of(reports(400, 20.0, same_session=same_session))
    assert found.size == pytest.approx(20, rel=0.3)
    assert found.same_session == pytest.approx(float(same_session), abs=0.08)


def test_of_few_reports_lies_between_their_own_and_the_usual() -> None:
    squares = np.tile([0.0, 26.0], (4, 1))
    assert reaction_of(squares).size == pytest.approx((24 + USUAL.size) / 2)


def test_that_dates_do_not_explain_vanishes() -> None:
    found = reaction_of(reports(200, 0.0, same_session=True))
    assert found.size < 0.5
    assert found.widening(1) < 1.25


def test_counts_an_extreme_report_only_so_far() -> None:
    assert reaction_of(np.array([[1.0, 1e6]])) == reaction_of(np.array([[1.0, LARGEST_SQUARE]]))


def test_adds_its_variance_to_that_of_the_horizon() -> None:
    reaction = Reaction(size=8.0, same_session=0.1)
    assert reaction.widening(1) == pytest.approx(3.0)
    assert reaction.widening(21) == pytest.approx(np.sqrt(1 + 8 / 21))
