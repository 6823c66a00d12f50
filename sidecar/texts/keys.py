"""Where a key is from, in words that never show a part of it."""


def environment(name: str) -> str:
    return f"environment {name}"


def config() -> str:
    return "opencode.json"


def auth() -> str:
    return "auth.json"


def login() -> str:
    return "OpenCode's login"


def entry_header() -> str:
    return "headers.Authorization of its entry"


def keyless() -> str:
    return "none (keyless)"
