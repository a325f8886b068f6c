"""What is known of coming reports: announced dates, what last year lets expect, and nothing ahead of its time."""

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting.reports.schedule import (
    OUTDATED,
    UNMATCHED,
    FilingChances,
    NextReport,
    ReportSchedule,
    follows_an_earlier_year,
)
from market.calendar.sessions import Sessions
from market.reports.dates import Report, ReportDates, Timing

LAST_YEAR, THIS_YEAR = "2022-05-03", "2023-05-02"
FETCHED = datetime(2024, 3, 9, tzinfo=UTC)


def schedule(
    sessions: Sessions,
    *filed_on: str,
    timing: Timing = Timing.UNKNOWN,
    announced_before: int = 10,
    fetched_at: datetime = FETCHED,
) -> ReportSchedule:
    reports = [Report(np.datetime64(date), timing, "files", fetched_at) for date in filed_on]
    return ReportSchedule.of(ReportDates.of("TEST", reports), sessions.session, announced_before)


def known(made: ReportSchedule, made_on: str) -> FilingChances:
    return made.chances(np.array([made_on], dtype="datetime64[D]"))


def test_a_scheduled_report_is_certain_once_it_was_announced(sessions: Sessions) -> None:
    made = schedule(sessions, LAST_YEAR, THIS_YEAR)
    assert known(made, "2023-04-18").chance[0, 10] == 1
    assert known(made, "2023-04-18").chance[0].sum() == 1
    assert known(made, "2023-04-17").chance[0].max() < 0.5


def test_a_report_of_the_made_on_session_is_still_to_take_effect(sessions: Sessions) -> None:
    found = known(schedule(sessions, LAST_YEAR, THIS_YEAR), THIS_YEAR)
    assert found.chance[0, 0] == 1
    assert found.within(1, same_session=0.1) == pytest.approx(0.9)


@pytest.mark.parametrize(("timing", "on_the_day", "after"), [(Timing.BEFORE_OPEN, 1, 0), (Timing.AFTER_CLOSE, 0, 1)])
def test_a_known_timing_says_which_session_reacts(
    sessions: Sessions, timing: Timing, on_the_day: float, after: float
) -> None:
    made = schedule(sessions, LAST_YEAR, THIS_YEAR, timing=timing)
    assert known(made, "2023-05-01").within(1, same_session=0.5) == on_the_day
    assert known(made, THIS_YEAR).within(1, same_session=0.5) == after
    assert known(made, "2023-05-01").within(5, same_session=0.5) == 1


def test_a_surprise_is_never_known_ahead_of_time(sessions: Sessions) -> None:
    with_warning = schedule(sessions, LAST_YEAR, "2023-02-15")
    without = schedule(sessions, LAST_YEAR)
    for made_on in sessions.between(np.datetime64("2023-01-20"), np.datetime64("2023-02-15")):
        np.testing.assert_array_equal(known(with_warning, str(made_on)).chance, known(without, str(made_on)).chance)


def test_a_first_report_is_known_when_its_date_was_fetched_before_it(sessions: Sessions) -> None:
    made = schedule(sessions, THIS_YEAR, fetched_at=datetime(2023, 4, 1, tzinfo=UTC))
    assert known(made, "2023-04-28").within(5, same_session=0.1) == pytest.approx(1.0)


def test_without_announcements_last_years_date_is_the_most_likely(sessions: Sessions) -> None:
    found = known(schedule(sessions, LAST_YEAR, THIS_YEAR, announced_before=0), "2023-04-21")
    assert np.argmax(found.chance[0]) == 7
    assert found.chance[0].sum() == pytest.approx(1 - UNMATCHED, abs=0.01)


def test_what_was_not_reported_yet_becomes_more_likely_with_each_session(sessions: Sessions) -> None:
    made = schedule(sessions, LAST_YEAR, announced_before=0)
    days = sessions.between(np.datetime64("2023-05-02"), np.datetime64("2023-05-09"))
    last = [float(known(made, str(day)).chance[0, 5 - index]) for index, day in enumerate(days)]
    assert last == sorted(last)
    assert known(made, "2023-05-10").chance.sum() == 0


@pytest.mark.parametrize("announced_before", [0, 10])
def test_what_is_reported_is_not_expected_again(sessions: Sessions, announced_before: int) -> None:
    made = schedule(sessions, LAST_YEAR, "2023-04-27", announced_before=announced_before)
    assert known(made, "2023-04-28").chance.sum() == 0


@pytest.mark.parametrize("announced_before", [0, 10])
def test_later_dates_change_nothing_but_what_is_announced(sessions: Sessions, announced_before: int) -> None:
    dates = ["2021-05-04", "2021-08-03", "2022-05-03", "2022-08-02", "2023-01-11", "2023-05-02", "2023-08-01"]
    whole = schedule(sessions, *dates, announced_before=announced_before)
    rows = sessions.between(np.datetime64("2022-06-01"), np.datetime64("2023-08-10"))
    for day in rows[::7]:
        ahead = np.datetime64(day) + 16
        cut = [date for date in dates if np.datetime64(date) <= (ahead if announced_before else day)]
        part = schedule(sessions, *cut, announced_before=announced_before)
        np.testing.assert_array_equal(known(part, str(day)).chance, known(whole, str(day)).chance)


def test_many_sessions_together_are_those_alone(sessions: Sessions) -> None:
    made = schedule(sessions, "2021-05-04", "2022-05-03", "2022-08-02", "2023-05-02")
    rows = sessions.between(np.datetime64("2022-04-01"), np.datetime64("2023-06-01"))
    together = made.chances(rows)
    for index in range(0, rows.size, 11):
        alone = known(made, str(rows[index]))
        np.testing.assert_array_equal(alone.chance[0], together.chance[index])
        np.testing.assert_array_equal(alone.same_session[0], together.same_session[index])


def test_a_ticker_is_covered_while_its_last_filing_is_no_older_than_a_year(sessions: Sessions) -> None:
    made = schedule(sessions, LAST_YEAR)
    assert known(made, "2023-04-28").covered[0]
    assert not known(made, str(sessions.after(np.datetime64(LAST_YEAR), OUTDATED))).covered[0]
    assert not known(schedule(sessions), "2023-04-28").covered[0]


def test_without_dates_there_is_no_chance_of_a_report(sessions: Sessions) -> None:
    found = known(schedule(sessions), "2023-04-28")
    assert found.within(21, same_session=0.5) == 0


def test_filings_near_the_sessions_ahead_are_known_afterwards(sessions: Sessions) -> None:
    rows = sessions.between(np.datetime64("2023-04-27"), np.datetime64("2023-05-04"))
    near = schedule(sessions, THIS_YEAR).near(rows, horizon=1)
    assert rows[near].astype(str).tolist() == ["2023-05-01", "2023-05-02"]


def test_a_filing_follows_an_earlier_year_within_ten_days() -> None:
    filed_on = np.array(["2021-05-04", "2022-05-13", "2022-05-14", "2023-05-02"], dtype="datetime64[D]")
    assert follows_an_earlier_year(filed_on).tolist() == [False, True, False, True]


def test_the_next_report_is_the_announced_one_or_the_one_that_last_year_lets_expect(sessions: Sessions) -> None:
    made = schedule(sessions, LAST_YEAR, "2022-08-02", THIS_YEAR)
    expected, announced, after = (
        made.next_report(np.datetime64(day)) for day in ("2023-04-03", "2023-04-24", "2023-05-03")
    )
    assert expected == NextReport(np.datetime64("2023-05-02"), confirmed=False)
    assert announced == NextReport(np.datetime64("2023-05-02"), confirmed=True)
    assert after == NextReport(np.datetime64("2023-08-01"), confirmed=False)
    assert schedule(sessions).next_report(np.datetime64("2023-05-03")) is None
