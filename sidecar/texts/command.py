"""How a command's answer is written for the host, which draws answers as Markdown and trims their ends."""

from typing import Final

ANSWER_COLUMNS: Final = 76
"""What fits into 80 beside the block's indentation."""

TITLE: Final = "What is left:"


def as_answer(report: str) -> str:
    """Return *report* below a title, as an indented block: columns stay columns in every client.

    A terminal that prints Markdown as it stands (`opencode run`) shows no fences this way.
    """
    return "\n".join([TITLE, "", *(f"    {line}".rstrip() for line in report.split("\n"))])
