"""How a command's answer is wrapped for the host, which draws answers as Markdown."""

import re

FENCE = "`" * 3


def fenced(text: str) -> str:
    """Return *text* as a code block, so that columns stay columns; nothing in it can end the block."""
    return f"{FENCE}text\n{re.sub('`{3,}', '``', text)}\n{FENCE}"
