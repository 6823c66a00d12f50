"""Why a gateway could not be asked, and what to do: fixed texts, so that no reply's words get through."""

from typing import Final

from sidecar.texts.program import PROGRAM

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
    "login-expired": "the login's token has expired; OpenCode renews it with its next request there",
    "login-refused": "the login may have ended; log in again: `opencode auth login`",
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


_STATUS_CURES: Final = {
    400: "Check preset, mapping and quotaPath of its entry.",
    401: "Check the key: it may have expired, or be another gateway's. A new one goes to the same place.",
    402: "Pay or top up there; nothing here can mend it.",
    403: "Use a key that may read its quota, or ask whoever runs the gateway to allow it.",
    404: "Check baseURL and quotaPath; a quotaPath that starts with // begins at the host's root.",
    405: "Check quotaPath: the gateway may tell it elsewhere.",
    407: "Write the proxy's login into the proxy variable, or name the host in NO_PROXY.",
    429: "Wait; if it stays so, raise quotaCacheS.",
}

_KIND_CURES: Final = {
    "timeout": "Check that it can be reached from here; for a slow gateway raise quotaTimeoutS.",
    "connect": "Start it, or check the host and port in baseURL, a VPN, and a firewall.",
    "no-such-host": "Check the host in baseURL; a VPN may have to be up.",
    "certificate": "Name the file of your own authority's certificates in SSL_CERT_FILE.",
    "no-tls": "Write http:// in baseURL for a private address, or the port that speaks https.",
    "environment": "Correct HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, or unset them.",
    "protocol": "Check the port in baseURL; if it stays so, look into the gateway's own log.",
    "redirect": "Write the URL that it redirects to into baseURL and quotaPath.",
    "refused-address": "Use https, or the gateway's private address.",
    "too-large": "Choose a quotaPath that answers for one key only.",
    "too-deep": "Choose another quotaPath.",
    "compressed": "Make the gateway, or the proxy before it, heed Accept-Encoding: identity.",
    "not-json": "Check quotaPath: a web page may be at this one.",
    "in-band": "Check the key and what it may read; the service says so in its reply.",
    "no-capture": "Check preset and config of its entry.",
    "login-expired": "Send a prompt there: OpenCode renews it. If it stays so, run `opencode auth login`.",
    "login-refused": "Run `opencode auth login` for this provider.",
    "no-window": f"Choose another preset, or write a mapping; `{PROGRAM} map` tries one on a saved reply.",
}


def fetch_cure(kind: str, status: int | None, wants_key: str | None = None) -> str:
    """Return what to do about it, in whole sentences.

    *wants_key* is the variable that would hold the key, where there is none.
    """
    if status == 401 and wants_key:
        return f"Set {wants_key} where OpenCode is started, or run `opencode auth login`."
    if kind != "status" or status is None:
        return _KIND_CURES.get(kind, "Ask again; if it stays so, report it with this page.")
    later = "Ask again later; if it stays so, tell whoever runs the gateway."
    return _STATUS_CURES.get(status) or (later if status >= 500 else "Check baseURL, quotaPath and the key.")
