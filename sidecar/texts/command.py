"""How a command's answer is written for the host, which draws answers as Markdown and trims their ends."""

from typing import Final

ANSWER_COLUMNS: Final = 76
"""What fits into 80 beside the block's indentation."""

LEFT: Final = "What is left:"
STANDING: Final = "How providers stand:"
FORGOTTEN: Final = "Done:"
ROUTED: Final = "The route of this model:"
DECIDED: Final = "The route of this session:"


def width(configured: int) -> int:
    """Return how wide a report in an answer is."""
    return min(configured, ANSWER_COLUMNS)


def as_answer(title: str, report: str) -> str:
    """Return *report* below *title*, as an indented block: columns stay columns in every client.

    A terminal that prints Markdown as it stands (`opencode run`) shows no fences this way.
    """
    return "\n".join([title, "", *(f"    {line}".rstrip() for line in report.split("\n"))])
