"""When providers publish the bar of a session, and so when bars are due to be fetched."""

from datetime import UTC, datetime, timedelta

import numpy as np

from market.calendar.sessions import Sessions

PUBLISHED_AFTER = timedelta(hours=2)  # its close; providers have a session's bar about 90 minutes after it
FINAL_AFTER = timedelta(hours=6)  # its close; until then they correct it
CLOCK_TOLERANCE = timedelta(seconds=5)  # a fetch later than now by more was noted before the clock was set back


def last_published(sessions: Sessions, now: datetime) -> np.datetime64:
    """The newest session whose bar providers should have."""
    return sessions.last_complete(now - PUBLISHED_AFTER)


def is_preliminary(session: np.datetime64, fetched_at: datetime, sessions: Sessions) -> bool:
    """Whether a bar of `session` fetched at that time may still be corrected."""
    return fetched_at < sessions.closes(session) + FINAL_AFTER


def is_due(asked_at: float, now: float, ttl: float, sessions: Sessions) -> bool:
    """Whether bars should be asked for again.

    They are after their life, and when the last session's bar should be published, and when it should be final.

    Args:
        asked_at: Unix seconds, when they were last asked for.
        now: Unix seconds.
        ttl: seconds that they live.
    """
    if asked_at > now + CLOCK_TOLERANCE.total_seconds():
        return True
    closed = sessions.closes(sessions.last_complete(datetime.fromtimestamp(now, UTC)))
    moments = asked_at + ttl, (closed + PUBLISHED_AFTER).timestamp(), (closed + FINAL_AFTER).timestamp()
    return any(asked_at < moment <= now for moment in moments)
