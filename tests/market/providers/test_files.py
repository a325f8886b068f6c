import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.calendar.sessions import Sessions
from market.errors import InvalidBars, UnknownTicker, Unreachable
from market.providers.files import Files, parse_csv
from market.series import Series

HEADER = "date,open,high,low,close,adj_close,volume"
GOOD = f"{HEADER}\n2024-03-07,10,12,9,11,10.5,1000\n2024-03-08,11,13,10,12,11.5,2000\n"


def parse(text: str) -> Series:
    return parse_csv(text.encode(), "AAPL", "AAPL.csv")


def test_columns_are_found_by_name() -> None:
    series = parse("Volume, Date,close,low,high,open\n5,2024-03-08,11,9,12,10\n")
    assert series.bars.close.tolist() == [11.0]
    assert series.bars.volume.tolist() == [5.0]
    assert series.adj_close is None


def test_adj_close_is_read_where_there_is_one() -> None:
    series = parse(GOOD)
    assert series.adj_close is not None
    assert series.adj_close.tolist() == [10.5, 11.5]


@pytest.mark.parametrize("text", [GOOD + "\n\n", "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD.rstrip("\n")])
def test_harmless_differences_are_read(text: str) -> None:
    assert len(parse(text).bars) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "AAPL.csv:1: the file is empty; it needs the header date,open,high,low,close,volume"),
        ("\n\n", "AAPL.csv:1: the file is empty"),
        (HEADER, "AAPL.csv:2: there is no row below the header; add one per session"),
        ("date,open,high,close\n", "AAPL.csv:1: column low, volume is missing; the header must have"),
        (GOOD + "2024-03-11,11,13\n", "AAPL.csv:4: 3 fields where the header has 7; complete the line or delete it"),
        (GOOD + "11/03/2024,11,13,10,12,11,1\n", "AAPL.csv:4: date '11/03/2024' is not a date; write it as 2024-03-08"),
        (GOOD + "2024-02-30,11,13,10,12,11,1\n", "AAPL.csv:4: date '2024-02-30' is not a date"),
        (GOOD + '"2024-03-11\n2024-03-12",1,1,1,1,1,1\n', "AAPL.csv:4: date .* is not a date; write it as 2024-03-08"),
        (GOOD + "2024-03-08,11,13,10,12,11,1\n", "AAPL.csv:4: .*stands there twice; delete one of the two lines"),
        (GOOD + "2024-03-06,11,13,10,12,11,1\n", "AAPL.csv:4: .*before the one above it; sort the file by date"),
        (GOOD + "2024-03-11,-11,13,10,12,11,1\n", "AAPL.csv:4: .*open is not positive; correct the line or delete it"),
        (GOOD + "2024-03-11,nan,13,10,12,11,1\n", "AAPL.csv:4: .*open is missing or not a number; correct"),
        (GOOD + "2024-03-11,,13,10,12,11,1\n", "AAPL.csv:4: open '' is not a number; correct"),
        (GOOD + "2024-03-11,11,9,10,10,11,1\n", "AAPL.csv:4: .*high is below low; correct"),
        (GOOD + "2024-03-11,11,13,10,12,0,1\n", "AAPL.csv:4: .*adj_close is not a positive number; correct"),
        (GOOD + "2024-03-11,11,13,10,12,11,-1\n", "AAPL.csv:4: .*volume is negative; correct"),
        (GOOD + "\n2024-03-11,11,13,10,12,11,1\n", "AAPL.csv:4: the line is empty; delete it"),
        (GOOD + '2024-03-11,"11,13,10,12,11,1\n', "AAPL.csv:4: not CSV: unexpected end of data; correct the line"),
        (GOOD.replace(",", ";"), "AAPL.csv:1: column .* is missing; the header must have .*, with commas between"),
        (GOOD.replace("adj_close", "close"), "AAPL.csv:1: column close stands there twice; delete or rename one"),
    ],
)
def test_bad_files_are_refused_in_one_line_with_place_and_remedy(text: str, message: str) -> None:
    with pytest.raises(InvalidBars, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.encode() + b"\xff\xfe", "AAPL.csv:4: not text in UTF-8; export it as CSV again"),
        (GOOD.encode("utf-16"), "AAPL.csv:1: not text in UTF-8"),
        (bytes(500), "AAPL.csv: not text but binary data; export it as CSV"),
    ],
)
def test_bytes_that_are_no_text_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidBars, match=message):
        parse_csv(content, "AAPL", "AAPL.csv")


@given(
    st.binary(max_size=200)
    | st.text(alphabet='0123456789-,.\n"naneE+ ', max_size=200).map(lambda t: (HEADER + "\n" + t).encode())
)
def test_any_bytes_are_either_bars_or_an_error(content: bytes) -> None:
    try:
        series = parse_csv(content, "AAPL", "AAPL.csv")
    except InvalidBars:
        return
    assert (series.bars.low > 0).all()


def put(directory: Path, text: str, moment: int) -> None:
    path = directory / "AAPL.csv"
    path.write_text(text)
    os.utime(path, (moment, moment))


async def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(sessions: Sessions, tmp_path: Path) -> None:
    files = Files(tmp_path, sessions)
    put(tmp_path, GOOD, 1)
    first = await files.series("AAPL")
    assert await files.series("AAPL") is first
    put(tmp_path, GOOD.replace(",12,", ",12.5,"), 2)
    second = await files.series("AAPL")
    assert second.bars.close[-1] == 12.5
    assert (await files.quote("AAPL")).price == 12.5


async def test_its_quote_is_the_last_close_at_the_time_of_the_close(sessions: Sessions, tmp_path: Path) -> None:
    put(tmp_path, GOOD, 1)
    quote = await Files(tmp_path, sessions).quote("AAPL")
    assert (quote.price, quote.at) == (12.0, datetime(2024, 3, 8, 21, 0, tzinfo=UTC))


async def test_a_bar_of_the_future_is_no_quote(sessions: Sessions, tmp_path: Path) -> None:
    put(tmp_path, f"{GOOD}{sessions.session[-1]},11,13,10,12.9,12.9,1\n", 1)
    assert (await Files(tmp_path, sessions).quote("AAPL")).price == 12.0


async def test_a_missing_file_is_an_unknown_ticker(sessions: Sessions, tmp_path: Path) -> None:
    files = Files(tmp_path, sessions)
    with pytest.raises(UnknownTicker, match=r"AAPL: no file .*AAPL\.csv; put its bars there, .*STOCKS_TICKERS"):
        await files.series("AAPL")
    (tmp_path / "MSFT.csv").mkdir()
    with pytest.raises(Unreachable, match=r"MSFT\.csv: Is a directory"):
        await files.series("MSFT")
    await files.close()


def test_the_real_files_are_read_to_the_digit(real_bars: Path) -> None:
    path = real_bars / "AAPL.csv"
    series = parse_csv(path.read_bytes(), "AAPL", str(path))
    covid = int(np.searchsorted(series.bars.session, np.datetime64("2020-03-23")))
    assert series.bars.close[covid] == 56.092499
