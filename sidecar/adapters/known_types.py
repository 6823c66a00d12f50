"""Makes msgspec know our types before several threads use them.

It learns a type at its first use, and two threads that begin with the same one at once crash the process.
Those of the wire are known when they are bound; these are decoded in threads.
"""

import msgspec

from sidecar.adapters.settings import ProjectSettings, Settings
from sidecar.adapters.store import HourUsage, QuotaSnapshot
from sidecar.adapters.wires import Wires
from sidecar.core.cooldown import Cooldown
from sidecar.core.decision import Decision, SessionRoute
from sidecar.quota.mapping import Mapping

_CONFIGURED = (Settings, ProjectSettings, Mapping, Wires)
_STORED = (HourUsage, QuotaSnapshot, Cooldown, SessionRoute, Decision)


def know() -> None:
    """Let msgspec learn every type that a thread decodes; to be called before there are several."""
    for kind in (*_CONFIGURED, *_STORED):
        msgspec.json.Decoder(kind)
