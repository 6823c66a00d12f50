"""What a model is called, apart from how each provider spells it."""

import re
from functools import lru_cache
from typing import Final

_DATE: Final = re.compile(r"[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest)$")
"""What names a day's edition of a model, or the newest one."""


@lru_cache(8192)
def canonical_id(model_id: str) -> str:
    """Return the id that spellings of one model share: `anthropic/claude-sonnet-4.5` is `claude-sonnet-4-5`.

    What says more than the vendor and the day stays: `:free`, `-thinking` and `-fast` are other models.
    """
    name = model_id.rsplit("/", 1)[-1].lower().replace(".", "-").replace("_", "-")
    return _DATE.sub("", name) or model_id
