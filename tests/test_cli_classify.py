"""`quota-sidecar classify`, as somebody runs it who wonders about a refusal."""

import json
import re

from tests.bed.home import Home
from tests.bed.program import run

AT = ("classify", "--now", "2026-11-21T00:00:00Z")


def test_each_line_is_answered_by_one_with_only_what_is_known(home: Home) -> None:
    lines: list[dict[str, object]] = [
        {
            "provider": "groq",
            "status": 429,
            "headers": {"Retry-After": 90},
            "message": "x",
            "more": 1,
        },
        {"status": 429, "body": {"error": {"message": "no", "resets_in_seconds": 7200.5}}},
        {"status": None, "headers": None, "body": None, "message": None},
        {"message": "stopped", "error_name": "AbortError"},
        {"status": "402", "headers": {"retry-after": ["700", "8"]}},
        {"status": 503.0, "headers": {"retry-after": []}},
    ]
    done = run(home, *AT, stdin="".join(f"{json.dumps(line)}\n\n" for line in lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"class": "rate-limit-short", "scope": "account", "retry_after_s": 90,
         "reset_at": "2026-11-21T00:01:30Z", "evidence": "status 429"},
        {"class": "quota-exhausted-long", "scope": "account", "retry_after_s": 7200.5,
         "reset_at": "2026-11-21T02:00:00Z", "evidence": "status 429"},
        {"class": "bad-request", "evidence": "nothing known"},
        {"class": "aborted", "evidence": "error name AbortError"},
        {"class": "quota-exhausted-long", "scope": "account", "retry_after_s": 700,
         "reset_at": "2026-11-21T00:11:40Z", "evidence": "status 402"},
        {"class": "overloaded", "scope": "model", "evidence": "status 503"},
    ]  # fmt: skip


def test_a_line_that_can_not_be_read_is_told_and_keeps_its_place(home: Home) -> None:
    lines = [
        "{bad", "[1]", '{"status": "4.29"}', '{"headers": []}', '{"message": 1}', "[" * 5000,
        '{"message": "\\ud800 fetch failed"}', '{"status": 503}',
    ]  # fmt: skip
    done = run(home, *AT, stdin="\n".join(lines))
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        'quota-sidecar: line 1: is not JSON; write one object a line, like {"status": 429, "body": ""}',
        "quota-sidecar: line 2: is not an object; write one with keys like status, headers and body",
        "quota-sidecar: line 3: status must be a whole number",
        "quota-sidecar: line 4: headers must be an object",
        "quota-sidecar: line 5: message must be a text",
        'quota-sidecar: line 6: is not JSON; write one object a line, like {"status": 429, "body": ""}',
    ]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        *[{}] * 6,
        {"class": "network", "scope": "origin", "evidence": "text 'connection failed'"},
        {"class": "overloaded", "scope": "model", "evidence": "status 503"},
    ]


def test_the_users_own_patterns_are_asked(home: Home) -> None:
    home.write_gateways(failurePatterns=[{"match": "nap", "class": "overloaded"}])
    done = run(home, *AT, stdin='{"status": 400, "body": "I nap"}\n')
    assert json.loads(done.stdout) == {"class": "overloaded", "scope": "model", "evidence": "user pattern 1"}


def test_a_pattern_that_is_left_out_is_told(home: Home) -> None:
    home.write_gateways(failurePatterns=[{"match": "nap", "class": "overloadet"}], widht=5)
    done = run(home, *AT, stdin='{"status": 400, "body": "I nap"}\n')
    assert (done.returncode, json.loads(done.stdout)["class"]) == (0, "bad-request")
    assert re.sub(r"line \d+", "line N", done.stderr) == (
        "quota-sidecar: ~/.config/opencode/quota-sidecar.jsonc, line N: failurePatterns[0].class: "
        "there is no class 'overloadet'; did you mean 'overloaded'?\n"
    )


def test_a_time_that_is_none_is_told(home: Home) -> None:
    for said in ("soon", ""):
        done = run(home, "classify", "--now", said, stdin="{}")
        assert (done.returncode, done.stdout, done.stderr) == (
            3, "", f"quota-sidecar: --now {said}: write it like 2026-11-21T00:00:00Z\n",
        )  # fmt: skip
