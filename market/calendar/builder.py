"""Write an exchange's sessions to a file: `python -m market.calendar.builder XNYS FILE`.

Apart from `market.calendar.sessions`, because exchange_calendars brings pandas along (100 MB), which serving does
without.
"""

import sys
from pathlib import Path

import exchange_calendars
import numpy as np

from concurrency.atomic_file import replace_file

FIRST = "1990-01-01"


def write(exchange: str, path: Path) -> None:
    """Write all sessions from 1990 to a year ahead as `session`, `open_at`, `close_at` (UTC, seconds).

    Raises:
        SystemExit: there is no exchange of this name.
    """
    try:
        calendar = exchange_calendars.get_calendar(exchange, start=FIRST)
    except exchange_calendars.errors.InvalidCalendarName:
        sys.exit(f"exchange = {exchange}: unknown; exchange_calendars lists the names, such as XNYS")
    schedule = calendar.schedule
    columns = {
        "session": schedule.index.to_numpy().astype("datetime64[D]"),
        "open_at": schedule["open"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        "close_at": schedule["close"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
    }
    with replace_file(path) as file:
        np.savez(file, **columns)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
