"""The user's day: from the local midnight to the next one."""

from datetime import datetime, timedelta

from sidecar.core.limits import Day


def local_day(now: float) -> Day:
    """Return the day of *now*, which is shorter or longer where clocks are changed."""
    midnight = datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    naive = midnight.replace(tzinfo=None)
    return Day(naive.timestamp(), (naive + timedelta(days=1)).timestamp())
