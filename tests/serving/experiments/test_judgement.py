"""Which arm is better, by pairs of the same session."""

import numpy as np
import pytest

from serving.experiments.judgement import CLIP, Pair, judge, session_differences
from serving.monitoring.track_record.served_predictions import Noted

SESSIONS = np.arange(np.datetime64("2022-01-03"), np.datetime64("2023-03-01"))
TICKERS = ("AAPL", "MSFT", "TSLA")


def noted(ticker: str, session: np.datetime64, half_width: float, arm: str) -> Noted:
    day = str(session)
    return Noted(ticker, 1, day, day, "forest", 1, False, 0.0, -half_width, half_width, f"trial/1/{arm}", 0.06)


def pair(ticker: str, session: np.datetime64, champion: float, challenger: float, actual: float) -> Pair:
    return Pair(noted(ticker, session, champion, "champion"), noted(ticker, session, challenger, "challenger"), actual)


def pairs(champion: float, challenger: float, count: int = SESSIONS.size) -> list[Pair]:
    """Forecasts with two half widths of normal returns whose right one is 0.0329."""
    random = np.random.default_rng(7)
    return [
        pair(ticker, session, champion, challenger, 0.02 * random.standard_normal())
        for session in SESSIONS[:count]
        for ticker in TICKERS
    ]


def test_the_difference_of_a_session_is_the_mean_of_its_tickers_each_scaled_and_clipped() -> None:
    day, next_day = SESSIONS[:2]
    found = session_differences(
        [
            pair("AAPL", next_day, 0.03, 0.03, 0.0),
            pair("AAPL", day, 0.03, 0.027, 0.0),  # narrower by a tenth of the baseline's width, and right
            pair("MSFT", day, 0.03, 0.003, 0.3),  # both missed, and the narrower one missed by far more
        ]
    )

    assert found[0] == [str(day), str(next_day)]
    assert found[1].tolist() == pytest.approx([(0.1 - CLIP) / 2, 0.0])


@pytest.mark.parametrize(
    ("champion", "challenger", "verdict"), [(0.06, 0.033, "challenger"), (0.033, 0.02, "champion")]
)
def test_a_better_arm_is_found_and_what_comes_later_changes_nothing(
    champion: float, challenger: float, verdict: str
) -> None:
    found = judge(pairs(champion, challenger), 1)

    assert (found.verdict, found.evidence >= 20) == (verdict, True)
    assert found.sessions < SESSIONS.size
    assert found.decided_on == str(SESSIONS[found.sessions - 1])
    assert judge(pairs(champion, challenger, found.sessions), 1) == found
    assert judge(pairs(champion, challenger, found.sessions - 1), 1).verdict == "undecided"
    assert f"the {verdict} is better by" in found.told


def test_arms_that_hardly_differ_stay_undecided_and_say_what_could_be_seen() -> None:
    early, late = (judge(pairs(0.033, 0.034, count), 1) for count in (20, SESSIONS.size))

    assert (early.verdict, late.verdict) == ("undecided", "undecided")
    assert late.lower < late.difference < late.upper
    assert late.detectable < early.detectable
    assert late.told.startswith(f"after {late.sessions} sessions a difference below {late.detectable:.1%} of")


def test_several_horizons_share_the_error() -> None:
    alone, one_of_three = judge(pairs(0.06, 0.033), 1), judge(pairs(0.06, 0.033), 1, tests=3)

    assert one_of_three.sessions > alone.sessions


def test_before_the_first_outcome_nothing_is_known() -> None:
    found = judge([], 5)

    assert (found.sessions, found.evidence, found.verdict) == (0, 1.0, "undecided")
    assert found.told == "no session has scored both yet"
