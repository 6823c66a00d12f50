"""What `quota-sidecar classify` says of its input, in words."""


def bad_line(number: int, reason: str) -> str:
    return f"quota-sidecar: line {number}: {reason}\n"


def not_json() -> str:
    return "is not JSON; write one object a line, like {}".format('{"status": 429, "body": ""}')


def not_an_object() -> str:
    return "is not an object; write one with keys like status, headers and body"


def wrong_kind(key: str, kind: str) -> str:
    return f"{key} must be {kind}"
