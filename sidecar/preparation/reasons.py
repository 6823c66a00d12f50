"""Why an environment could not be made: from what uv, venv and pip print to a reason that has a cure."""

import errno
import re
from typing import Final, Literal, get_args

from sidecar.texts.preparation import PRINTED_NOTHING

Kind = Literal["diskFull", "noVenv", "noIndex", "noPackages", "notWritable", "notPrepared"]
"""As in `HostProblems`, where each has its words; what is to be mended first comes first."""

_NO_INDEX: Final = (
    r"certificate verify failed(?:: [\w -]+)?|invalid peer certificate(?:: \w+)?",
    r"\b(?:40[137]|429|50[0-4]) (?:(?:client|server) error: [^\n]+?(?= for url)|unauthorized|forbidden"
    r"|proxy authentication required|too many requests|internal server error|bad gateway|service unavailable"
    r"|gateway time-?out)|too many \d+ error responses",
    r"cannot connect to proxy|tunnel[a-z ]*failed[^\n)]*",
    r"connection (?:refused|reset|aborted|timed out|broken)|actively refused|remote end closed connection",
    r"name or service not known|(?:failure in )?name resolution|no such host|nodename nor servname",
    r"getaddrinfo failed|failed to lookup address|dns error",
    r"network is unreachable|no route to host",
    r"(?:operation |read |connection to \S+ |connect )?timed out|didn't respond within [\d.]+ seconds",
    r"\[ssl: \w+\] [\w -]+\w|received corrupt message",
    r"not a trusted or secure host|connectivity is disabled",
    r"error sending request|failed to establish a new connection",
)
"""What each says is told; the first that is found is the most telling."""

_SIGNS: Final[tuple[tuple[Kind, tuple[str, ...]], ...]] = (
    (
        "diskFull",
        (r"no space left|disk quota exceeded|not enough space on the disk|os error (28|112|122)\b",),
    ),
    ("noVenv", (r"ensurepip is not available|no module named '?(ensurepip|venv|pip)\b",)),
    # What this Python was built without, another may have; pip says next that it can't reach an index.
    ("notPrepared", (r"ssl module is not available|no module named '?_\w+'?",)),
    ("noIndex", _NO_INDEX),
    (
        "noPackages",
        (
            r"no matching distribution|no solution found|package registry|resolutionimpossible"
            r"|failed to build|failed building wheel|metadata-generation-failed",
        ),
    ),
    (
        "notWritable",
        (
            r"permission denied|read-only file system|access is denied|os error (5|13|30)\b",
            r"failed to map segment",  # on a disk that allows no programs
        ),
    ),
)
"""The first that is found counts: pip says that it could not connect, then that there is no such version."""

_ERROR: Final = re.compile(
    r"^(?!error: (?:exception:$|resolutionimpossible))(?:error|fatal|caused by|cause|[\w.]*\.(?=[A-Z])\w+"
    r"|\w*Error|[\u00d7\u2570\u251c][\u2500\u25b6]*)[:\s]\s*(.+)",
    re.IGNORECASE,
)
_BECAUSE: Final = re.compile(r"Because (.+?) and .*")
"""uv goes on with all that follows from it."""
_BY_WHOM: Final = re.compile(r"(?:client|server) error: ", re.IGNORECASE)
_URL: Final = re.compile(
    r"\b((?:git\+)?(?:https?|ssh|ftp|socks\w*):/{1,2})(?:[^\s'\"`<>]*@)?([^/?#\s'\"`<>),]*)(?:[/?#][^\s'\"`<>),]*)?",
    re.IGNORECASE,
)
_NO_URL: Final = re.compile(r"(with url: |(?:cast to integer value as|nonnumeric port:) ')[^\s']+")
"""A path alone; and what a password with a `/` in it makes a port of."""
_LOGIN: Final = re.compile(r"[^\s'\"`<>/@:]+:(?!//)[^\s'\"`<>@\\]*@(?=[\w.\[-])")
"""Where somebody has forgotten the scheme."""
_UNREAD: Final = re.compile(r"(\[line +\d+\]: )[^\n]+")
"""What stands in a file of settings that can't be read."""
_INDEX: Final = re.compile(r"https?://([^/\s'\"`)]+)")
MAX_DETAIL: Final = 240


class PreparationError(Exception):
    """The environment could not be made."""

    def __init__(self, kind: Kind, detail: str) -> None:
        """Take the reason, and a sentence about it without its full stop."""
        super().__init__(detail)
        self.kind: Final[Kind] = kind
        self.detail: Final = detail


def of_output(output: str) -> PreparationError:
    """Return what *output*, all that a program printed before it ended with an error, says about why."""
    text = without_secrets(output)
    for kind, signs in _SIGNS:
        for sign in signs:
            if found := re.search(sign, text, re.IGNORECASE):
                return PreparationError(kind, _short(_detail(kind, found[0], text)))
    return PreparationError("notPrepared", _short(_telling(text)))


def worse(one: PreparationError, other: PreparationError) -> PreparationError:
    """Return which of two ways' reasons is the one to mend first; of equal ones, *other*."""
    kinds = get_args(Kind)
    return one if kinds.index(one.kind) < kinds.index(other.kind) else other


def of_error(error: OSError) -> PreparationError:
    """Return what the operating system's refusal means."""
    kinds: dict[int | None, Kind] = {
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "diskFull"),
        **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "notWritable"),
        **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST), "notWritable"),
    }
    name = error.filename2 or error.filename  # of two, the one that was to be replaced
    where = f"{name}: " if name else ""
    return PreparationError(kinds.get(error.errno, "notPrepared"), f"{where}{error.strerror or error}")


def without_secrets(text: str) -> str:
    """Leave of every URL in *text* its host: an index may have its token before that, or after it."""
    text = _NO_URL.sub(r"\1…", _URL.sub(r"\1\2/…", text))
    return _UNREAD.sub(r"\1…", _LOGIN.sub("…@", text))


def _detail(kind: Kind, sign: str, text: str) -> str:
    if kind == "noIndex":
        return _reached(text, sign)
    return sign if kind == "notPrepared" else _telling(text)


def _reached(text: str, what: str) -> str:
    """Say which index could not be reached, and *what* was in the way."""
    index = _INDEX.search(text)
    what = _BY_WHOM.sub("", what)
    return f"{index[1]}: {what}" if index else what


def _telling(text: str) -> str:
    """Return the last line that names an error, else the last of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [found[1] for line in lines if (found := _ERROR.match(line))]
    return _BECAUSE.sub(r"\1", (errors or lines or [PRINTED_NOTHING])[-1])


def _short(line: str) -> str:
    line = line.strip().rstrip(".")
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"
