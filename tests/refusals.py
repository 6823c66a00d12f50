"""The recorded refusals, and the ways in which gateways pass them on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sidecar.core.failure import Failure, Refusal, classify

NOW: Final = 1_795_219_200.0
"""2026-11-21T00:00:00Z, which all of them were recorded for."""

Row = dict[str, Any]


def _rows(name: str) -> list[Row]:
    text = (Path(__file__).parent / "data" / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


RECORDED: Final = _rows("errors.jsonl")
EVERY: Final = [*RECORDED, *_rows("errors-more.jsonl")]


def id_of(row: Row) -> str:
    return f"{EVERY.index(row) + 1}: {row['provider']} {row['status']} {row['expected_class']}"


def refusal_of(row: Row) -> Refusal:
    return Refusal(row["provider"], row["status"], row["headers"], row["body"], row["message"])


def classified(row: Row) -> Failure:
    return classify(refusal_of(row), NOW)


def _as_python_prints_it(row: Row) -> Row | None:
    try:
        plain = json.loads(row["body"])
    except ValueError:
        return None
    return row | {"body": "", "message": f"Error code: {row['status'] or 200} - {plain!r}"}


def _as_openrouter_wraps_it(row: Row) -> Row | None:
    if not row["body"].startswith("{") or row["status"] == 500:
        return None
    metadata = {"raw": row["body"], "provider_name": "X"}
    error = {"message": "Provider returned error", "code": row["status"] or 200, "metadata": metadata}
    return row | {"body": json.dumps({"error": error, "user_id": "user_4290529"})}


def _in_another_message(row: Row) -> Row | None:
    if not row["body"].startswith("{"):
        return None
    return row | {"body": json.dumps({"error": {"message": f"upstream: {row['body']} (try litellm)"}})}


def _with_a_request_id(row: Row) -> Row | None:
    ids = {"x-request-id": "429", "cf-ray": "503-529"}
    said = f"{row['message']} (request id: 429503-req_402529401 trace 413)"
    return row | {"headers": row["headers"] | ids, "message": said}


def _in_a_list(row: Row) -> Row | None:
    return row | {"body": f"[{row['body']}]"} if row["body"].startswith("{") else None


def _cut_off(row: Row) -> Row | None:
    return row | {"body": row["body"][:-1]} if row["body"].startswith("{") else None


def _with_other_line_ends(row: Row) -> Row | None:
    return row | {"body": row["body"].replace("\n", "\r\n"), "message": f"\r\n{row['message']}\r\n"}


WRAPPED: Final[tuple[Callable[[Row], Row | None], ...]] = (
    _as_python_prints_it,
    _as_openrouter_wraps_it,
    _in_another_message,
    _with_a_request_id,
    _in_a_list,
    _cut_off,
    _with_other_line_ends,
)
