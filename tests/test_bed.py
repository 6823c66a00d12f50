"""The bed itself: gateways that do as they are told, the real OpenCode on each wire, its screen, its end."""

import threading

import httpx
import pytest

from tests.bed import picture, wires
from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.opencode import Serve, no_session_error, run, text_of
from tests.bed.processes import living_under
from tests.bed.refusals import PLAIN_429
from tests.bed.replies import Fault, Reply, json_reply, redirect, says, sized_json, uses_tool
from tests.bed.terminal import Terminal
from tests.bed.tui import Tui


@pytest.fixture
def home_of_three_wires(home: Home, gateway: Gateway) -> Home:
    gateway.models("A fine answer.")
    home.write_opencode({wire: provider(gateway.base_url, wire) for wire in wires.WIRES}, plugin=None)
    return home


def get(url: str, **more: float) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=more.get("timeout", 20))


def test_a_script_is_worked_off_and_its_last_reply_stays(gateway: Gateway) -> None:
    gateway.script("/v1/quota", json_reply({"left": 2}), json_reply({"left": 1}, 429, retry_after="7"))
    replies = [get(f"{gateway.base_url}/quota") for _ in range(3)]
    assert [(reply.status_code, reply.json()) for reply in replies] == [
        (200, {"left": 2}),
        (429, {"left": 1}),
        (429, {"left": 1}),
    ]
    assert replies[1].headers["retry-after"] == "7"


def test_what_arrives_is_recorded(gateway: Gateway) -> None:
    sent = threading.Thread(target=get, args=[f"{gateway.base_url}/quota?a=b"])
    sent.start()
    request = gateway.wait_for_request(lambda r: r.path == "/v1/quota")
    sent.join()
    assert (request.method, request.query, request.body) == ("GET", "a=b", b"")
    assert request.headers["host"] == f"127.0.0.1:{gateway.port}"


def test_waiting_for_a_request_that_does_not_come_tells_what_came(gateway: Gateway) -> None:
    get(f"{gateway.base_url}/other")
    with pytest.raises(TimeoutError, match="GET /v1/other"):
        gateway.wait_for_request(lambda r: r.path == "/v1/quota", within_s=0.05)


def test_a_reply_is_held_until_its_event(gateway: Gateway) -> None:
    answered, go = threading.Event(), threading.Event()
    gateway.script("/v1/quota", Reply(200, b"{}", hold=[go]))

    def ask() -> None:
        get(f"{gateway.base_url}/quota")
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    gateway.wait_for_request(lambda r: r.path == "/v1/quota")
    assert not answered.is_set()
    go.set()
    assert answered.wait(20)
    asking.join()


def test_sizes_are_exact_and_redirects_are_not_hidden(gateway: Gateway) -> None:
    gateway.script("/v1/big", sized_json(262_145)).script("/v1/moved", redirect("http://127.0.0.1:9/"))
    assert len(get(f"{gateway.base_url}/big").content) == 262_145
    assert get(f"{gateway.base_url}/moved").headers["location"] == "http://127.0.0.1:9/"


def test_a_stalled_body_keeps_its_reader_waiting(gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(200, [b"{", Fault.STALL], {"content-length": "2"}))
    with pytest.raises(httpx.ReadTimeout):
        get(f"{gateway.base_url}/quota", timeout=0.2)


def test_a_cut_connection_is_reset(gateway: Gateway) -> None:
    gateway.script("/v1/quota", Reply(200, [b"{", Fault.CUT], {"content-length": "2"}))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        get(f"{gateway.base_url}/quota")


def test_a_closed_gateway_leaves_no_thread_even_with_a_reader_at_a_stalled_body() -> None:
    before = {*threading.enumerate()}
    with Gateway() as gateway:
        gateway.script("/v1/quota", Reply(200, [b"{", Fault.STALL], {"content-length": "2"}))
        with httpx.stream("GET", f"{gateway.base_url}/quota", trust_env=False) as response:
            assert next(response.iter_raw()) == b"{"
            gateway.close()
    assert {*threading.enumerate()} <= before


def test_a_gateway_that_is_down_refuses_and_answers_at_the_same_place_when_it_is_back(
    gateway: Gateway,
) -> None:
    gateway.quota({"left": 2})
    url = f"{gateway.base_url}/quota"
    gateway.go_down()
    with pytest.raises(httpx.ConnectError):
        get(url)
    gateway.come_back()
    assert get(url).json() == {"left": 2}


def test_a_gateway_may_be_closed_while_it_is_down() -> None:
    before = {*threading.enumerate()}
    with Gateway() as gateway:
        gateway.go_down()
    assert {*threading.enumerate()} <= before


@pytest.mark.parametrize("wire", wires.WIRES)
def test_turns_are_answered_by_their_script_and_titles_apart(gateway: Gateway, wire: wires.Wire) -> None:
    gateway.turns(PLAIN_429, says("A fine answer.")).asides(says("Fine words"))
    url = gateway.base_url + wires.MODEL_PATHS[wire]

    def ask(*tools: str) -> httpx.Response:
        return httpx.post(url, json={"tools": tools}, trust_env=False)

    replies = [ask("read"), ask(), ask("read"), ask("read")]
    assert [reply.status_code for reply in replies] == [429, 200, 200, 200]
    assert replies[0].json()["error"]["message"] == "Too many requests."
    assert ["Fine words" in reply.text for reply in replies] == [False, True, False, False]
    assert ["A fine answer." in reply.text for reply in replies] == [False, False, True, True]
    assert len(gateway.turn_calls) == 3


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_model_answers_whole_when_it_is_not_asked_to_stream(gateway: Gateway, wire: wires.Wire) -> None:
    gateway.models("A fine answer.")
    url = gateway.base_url + wires.MODEL_PATHS[wire]
    assert "A fine answer." in httpx.post(url, json={}, trust_env=False).text


def test_the_real_opencode_chats_on_every_wire(home_of_three_wires: Home, gateway: Gateway) -> None:
    used = {"input": wires.INPUT_TOKENS, "output": wires.OUTPUT_TOKENS}
    with Serve(home_of_three_wires) as serve, no_session_error(serve):
        for wire in wires.WIRES:
            message = serve.send(serve.create_session(), "Say something fine.", wire)
            assert text_of(message) == "A fine answer."
            assert used.items() <= message["info"]["tokens"].items()
            path = "/v1" + wires.MODEL_PATHS[wire]
            assert any("Say something fine." in request.text for request in gateway.seen(path))
    assert living_under(home_of_three_wires.path) == {}


def test_the_real_opencode_uses_a_tool_on_every_wire(home_of_three_wires: Home, gateway: Gateway) -> None:
    notes = home_of_three_wires.project / "notes.txt"
    notes.write_text("The number is 4711.")
    with Serve(home_of_three_wires) as serve, no_session_error(serve):
        for wire in wires.WIRES:
            gateway.turns(uses_tool("read", {"filePath": str(notes)}), says("It is 4711."))
            message = serve.send(serve.create_session(), "What is the number?", wire)
            assert text_of(message) == "It is 4711."
            assert "The number is 4711." in gateway.turn_calls[-1].text


def test_a_session_outlives_a_restart_on_the_same_home(home_of_three_wires: Home) -> None:
    with Serve(home_of_three_wires) as serve:
        session = serve.create_session()
        serve.send(session, "Say something fine.", "openai-chat")
    with Serve(home_of_three_wires) as serve:
        said = [text_of(message) for message in serve.messages(session)]
    assert said == ["Say something fine.", "A fine answer."]


def test_run_prints_the_answer(home_of_three_wires: Home) -> None:
    finished = run(home_of_three_wires, "Say something fine.")
    assert (finished.exit_code, finished.stdout) == (0, "A fine answer.\n")


def test_the_screen_shows_what_is_typed_and_answered(home_of_three_wires: Home) -> None:
    with Tui(home_of_three_wires, columns=110, lines=34) as tui:
        tui.write("Say something fine.")
        tui.press("enter")
        tui.wait_for("     A fine answer.")
        tui.resize(90, 30)
        tui.wait_until(lambda screen: "fine answer." in screen and "ctrl+p" in screen, "all drawn anew")
        assert {len(row) for row in tui.rows()} == {90}
    assert living_under(home_of_three_wires.path) == {}


COLOURFUL = (
    "\x1b[1;38;2;1;2;3m<bold>\x1b[0m & \x1b[7mreverse\x1b[0m ┃█████▌░░ 漢字\r\n\x1b[31;48;5;236mred\x1b[0m é"
).encode()


def drawn(*pieces: bytes) -> Terminal:
    terminal = Terminal(40, 3)
    for piece in pieces:
        terminal.feed(piece)
    return terminal


def test_the_same_screen_is_the_same_picture_however_its_bytes_arrive() -> None:
    whole = drawn(COLOURFUL)
    single = drawn(*(COLOURFUL[at : at + 1] for at in range(len(COLOURFUL))))
    assert whole.lines() == ["<bold> & reverse ┃█████▌░░ 漢字", "red é", ""]
    assert picture.svg(whole.rows()) == picture.svg(single.rows())
    assert "&lt;bold&gt;" in picture.svg(whole.rows())
    assert picture.plain(whole.rows()) == "\n".join(whole.lines())


def test_a_folder_on_a_screen_is_renamed_and_every_row_keeps_its_length() -> None:
    terminal = Terminal(30, 2)
    terminal.feed(b" /srv/bed-1/project  1.2.3\r\n nothing here")
    drawn = picture.renamed(terminal.rows(), "/srv/bed-1", "/home/u")
    assert picture.plain(drawn).splitlines() == [" /home/u/project     1.2.3", " nothing here"]
    assert {len(row) for row in drawn} == {30}


def test_the_terminal_answers_what_it_is_asked_and_draws_none_of_it() -> None:
    terminal = Terminal(40, 3)
    answers = terminal.feed(b"ab\x1b[6n\x1b]11;?\x07\x1b[?2026$p\x1bP+q4d73\x1b\\\x1b[>4;1m\x1b[?u\x1b[14t")
    assert answers == b"\x1b[1;3R\x1b]11;rgb:0c0c/0c0c/0c0c\x1b\\\x1b[?2026;0$y\x1b[4;48;320t"
    assert terminal.lines() == ["ab", "", ""]


def test_a_missing_opencode_is_an_error_that_tells_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.bed import processes

    monkeypatch.setattr(processes, "REPOSITORY", processes.REPOSITORY / "nowhere")
    with pytest.raises(FileNotFoundError, match="run make setup"):
        processes.opencode_binary()
