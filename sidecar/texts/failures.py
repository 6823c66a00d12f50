"""Why a gateway could not be asked, and what to do: fixed texts, so that no reply's words get through."""

from typing import Final

_STATUS: Final = {
    400: "the gateway does not understand the request; check quotaPath",
    401: "the gateway refuses the key; check where it is from",
    402: "the gateway wants payment first",
    403: "the key may not read its quota",
    404: "there is nothing at this path; check quotaPath and baseURL",
    405: "the path takes no GET; check quotaPath",
    407: "a proxy wants a login first",
    429: "the gateway wants fewer requests",
}

_KINDS: Final = {
    "timeout": "no answer in time",
    "connect": "no connection; is the gateway running?",
    "no-such-host": "the host's name can't be resolved; check baseURL",
    "certificate": "its certificate is not trusted",
    "no-tls": "no secure connection; does the port speak https?",
    "environment": "the environment's proxy or certificate settings can't be used (SOCKS is not supported)",
    "protocol": "the connection broke or the reply is not HTTP",
    "redirect": "it redirects, and keys don't follow redirects; use the final URL",
    "refused-address": "the address is refused: plain http only to loopback and private, never metadata",
    "too-large": "the reply is larger than 256 KiB",
    "too-deep": "the reply is nested too deeply",
    "compressed": "the reply is compressed, though it was asked not to be",
    "not-json": "the reply is not JSON; check quotaPath",
    "in-band": "the reply says that it is an error; check the key and what it may read",
    "no-capture": "an earlier reply lacks what the next request needs; check preset and config",
    "no-window": "the reply holds no figure that the preset knows; check preset or mapping",
}


def fetch_failure(kind: str, status: int | None, *, has_key: bool = True) -> str:
    """Return one sentence with the HTTP status where there is one."""
    if status == 401 and not has_key:
        text = "the gateway wants a key, and none was found for this provider"
    elif kind == "status" and status is not None:
        text = _STATUS.get(status) or ("the gateway has a fault" if status >= 500 else "the gateway refuses")
    else:
        text = _KINDS.get(kind, "it could not be asked")
    return f"HTTP {status}: {text}" if status is not None else text
