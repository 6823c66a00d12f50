"""Why a URL may not be called, in words that never repeat it."""


def malformed() -> str:
    return "it is not a well-formed URL"


def not_http() -> str:
    return "only http:// and https:// URLs with a host can be called"


def user_info() -> str:
    return "it holds a user name or password; use apiKeyEnv or headers"


def metadata() -> str:
    return "it leads to a cloud's metadata service"


def public_http() -> str:
    return "plain http is only for loopback and private addresses; use https"
