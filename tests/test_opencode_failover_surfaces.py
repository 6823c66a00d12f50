"""Failover as a person sees it: the screen, the program of one turn, the reports, and how it is forgotten."""

import json
import re
from typing import Any, Final

from tests.bed import program
from tests.bed.opencode import START_S, run
from tests.bed.processes import PLUGIN, wait_until
from tests.bed.refusals import REFUSALS
from tests.bed.replies import says
from tests.bed.tui import Tui
from tests.failover import ALPHA, ANSWERS, BETA, PROMPT, Scene, Turn, entries

ODD: Final = "odd"
"""A provider at the first gateway whose requests don't go through `fetch`."""

ODD_PLUGIN: Final = """
import http from "node:http"

function send(url, { method, headers, body }) {
  return new Promise((resolve, reject) => {
    const options = { method, headers: Object.fromEntries(new Headers(headers)) }
    const request = http.request(String(url), options, (response) => {
      const chunks = []
      response.on("data", (chunk) => chunks.push(chunk))
      response.on("end", () => {
        const kind = { "content-type": response.headers["content-type"] }
        resolve(new Response(Buffer.concat(chunks), { status: response.statusCode, headers: kind }))
      })
    })
    request.on("error", reject)
    request.end(body)
  })
}

async function server() {
  return {
    config: async (config) => {
      config.provider.odd.options.fetch = send
    },
  }
}

export default Object.assign(server, { id: "odd-provider", server })
"""


def write(one: Scene) -> None:
    odd = entries({ALPHA: one.alpha})[ALPHA] | {"name": "Odd"}
    path = one.home.write_opencode(entries(one.gateways) | {ODD: odd})
    plugin = one.home.path / "odd.ts"
    plugin.write_text(ODD_PLUGIN)
    content: dict[str, Any] = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"plugin": [PLUGIN, f"file://{plugin}"]}))


MINUTES: Final = re.compile(r"\b5\d min left")


def hit(one: Scene) -> Turn:
    one.alpha.turns(REFUSALS["429 for an hour"])
    turn = one.turn()
    assert turn == Turn(ANSWERS[BETA])
    [toast] = one.wait_for_toasts(1)
    assert re.fullmatch(
        r"Alpha refuses \(quota used up\) · back in (1 h|5\d min)\ngoing on at Beta", toast
    ), toast
    return turn


def test_the_report_says_who_waits_until_when_and_what_was_decided_and_asks_no_model(three: Scene) -> None:
    hit(three)
    report = three.command("rate_limit_status")
    assert re.search(r"Alpha \(alpha\)\n +! quota used up · 5\d min left, until \d\d:\d\d", report), report
    assert re.search(r"Beta \(beta\)\n +ok\n +1 request today", report), report
    assert re.search(r"alpha/qwen3-coder → beta/qwen3-coder\n +after a refusal: quota used up", report), (
        report
    )
    assert MINUTES.search(three.command("quota_status"))
    assert MINUTES.search(program.run(three.home, "limits").stdout)
    assert "alpha/qwen3-coder refused: quota used up" in program.run(three.home, "explain").stdout
    assert three.calls() == [1, 1, 0]


def test_a_reset_forgets_one_provider(three: Scene) -> None:
    hit(three)
    assert "Nothing" in three.command("rate_limit_reset", "gamma")
    assert three.turn() == Turn(ANSWERS[BETA])
    assert MINUTES.search(three.command("rate_limit_reset", ALPHA))
    three.alpha.turns(says(ANSWERS[ALPHA]))
    assert three.turn() == Turn(ANSWERS[ALPHA])
    assert three.calls() == [2, 2, 0]


def test_a_reset_forgets_them_all_from_a_terminal_too(three: Scene) -> None:
    hit(three)
    program.run(three.home, "reset")
    three.alpha.turns(says(ANSWERS[ALPHA]))
    assert three.turn() == Turn(ANSWERS[ALPHA])
    assert three.calls() == [2, 1, 0]


def test_the_program_that_does_one_turn_prints_the_answer_of_the_next_provider(three: Scene) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    finished = run(three.home, "--title", "Named already", PROMPT)
    assert (finished.exit_code, finished.stdout) == (0, f"{ANSWERS[BETA]}\n")
    assert three.calls() == [1, 1, 0]


def test_the_screen_shows_the_answer_and_one_note(three: Scene) -> None:
    three.alpha.turns(REFUSALS["429 for an hour"])
    with Tui(three.home, columns=100) as tui:
        tui.write("hello")
        tui.press("enter")
        tui.wait_until(
            lambda screen: ANSWERS[BETA] in screen and "going on at Beta" in screen, "both", START_S
        )
        assert "Alpha refuses (quota used up)" in tui.text
        tui.wait_for_turns()
    assert three.calls() == [1, 1, 0]


def test_a_turn_that_failed_out_of_our_sight_is_done_again_elsewhere_once(three: Scene) -> None:
    three.alpha.turns(REFUSALS["402"], says(ANSWERS[ALPHA]))
    first = three.turn(ODD)
    assert first.error == "Insufficient credits. Add more to continue."

    def said() -> list[str]:
        rows = three.serve.messages(first.session)
        return [part["text"] for row in rows for part in row["parts"] if part["type"] == "text"]

    wait_until(lambda: ANSWERS[ALPHA] in said(), "the answer of another provider")
    assert said() == [PROMPT, ANSWERS[ALPHA]]
    assert three.calls() == [2, 0, 0]


def test_a_subagents_turn_that_failed_out_of_our_sight_is_left_alone(three: Scene) -> None:
    three.alpha.turns(REFUSALS["402"])
    parent = three.new_session()
    child = three.new_session(parentID=parent)
    three.turn(ODD, session=child)
    three.turn(BETA)
    assert three.calls() == [1, 1, 0]
