"""Tags that say when a version became champion, and when it was one no more."""

from datetime import UTC, datetime

# Tags of a version: when it became champion, when it was taken back, and which version took its place.
CHAMPION_AT, ROLLED_BACK_AT, REPLACED_BY = "champion_at", "rolled_back_at", "replaced_by"

# Tag of the experiment that tells services elsewhere whether there is a new champion to fetch.
CHANGED_AT = "champions_changed_at"


def now() -> str:
    """The time as tags have it."""
    return text_of(datetime.now(UTC))


def text_of(moment: datetime) -> str:
    """As in tags: in UTC, and so in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
