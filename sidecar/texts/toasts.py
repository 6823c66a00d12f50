"""What toasts say."""

from typing import Final

TITLE: Final = "Quota sidecar"


def setup_problem(count: int) -> str:
    things = "One thing" if count == 1 else f"{count} things"
    return f"{things} to mend in the configuration: /quota_status says what and where."
