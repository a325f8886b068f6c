"""What the tests of streams share."""

from datetime import UTC, datetime

import numpy as np
import pytest

from market.calendar.sessions import Sessions


@pytest.fixture
def open_sessions() -> Sessions:
    """Every day is a session from midnight to midnight, so that one runs whenever the tests do."""
    today = np.datetime64(datetime.now(UTC).date())
    days = np.arange(today - 3000, today + 400)
    return Sessions(days, days.astype("datetime64[s]"), (days + 1).astype("datetime64[s]"))
