"""The doctor's page and problems as texts: fit for any terminal, with a cure for all that can be wrong."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.texts import failures
from sidecar.texts.doctor_data import (
    DoctorReport,
    FileReport,
    Finding,
    HostReport,
    InstalledReport,
    InstalledState,
    LogLine,
    LogReport,
    PluginReport,
    PluginTrouble,
    PreparationReport,
    PresetReport,
    ProbeReport,
    ProgramReport,
    ProgramTrouble,
    ProviderReport,
    StoreReport,
    StoreTrouble,
    VirtualModelReport,
)
from sidecar.texts.doctor_findings import find, worth_knowing
from sidecar.texts.doctor_report import WIDTH, render
from sidecar.texts.failures import fetch_cure, fetch_failure
from sidecar.texts.figures import columns
from sidecar.texts.preparation import TROUBLES
from sidecar.texts.status_report import FailureReport, KeyReport, ProblemReport

NOW = 1_795_219_200.0
"""2026-11-21T00:00:00Z"""
WELL = DoctorReport(
    at=NOW,
    program=ProgramReport("1.2.3", "/lib/sidecar", "3.11.7", "/bin/python", "Linux", {"anyio": "4.9"}),
    host=HostReport("~/opencode.json", "our-plugin", "/bin/opencode", "1.18.33", None,
                    (PluginReport("our-plugin", "~/opencode.json"),)),
    files=(FileReport("~/opencode.json", "read"),),
    presets=(PresetReport("mine", "~/quota-presets/mine.toml"),),
    gateways=(ProbeReport("campus", "Campus", KeyReport("auth.json"), "answers", 12.0, 2),),
    providers=(),
    store=StoreReport("~/state/state.db", "on_disk", folder_mode="0700", file_mode="0600"),
    log=LogReport("~/state/logs"),
    config_file="~/quota-sidecar.jsonc",
)  # fmt: skip


SONNET = VirtualModelReport("claude-sonnet-4-5", "headroom", ("anthropic/claude-sonnet-4-5", "lab/sonnet"))
LONELY = VirtualModelReport(
    "qwen3", "cost", ("lab/qwen3",), {"campus/qwen3": "no key", "gone/qwen3": "switched off"}, is_listed=True
)


PACKAGE = PluginReport("opencode-quota-sidecar", "~/opencode.json", is_package=True)
INSTALLED = InstalledReport(
    folder="~/data", state="ready", is_wanted=True, package="~/cache/p@latest", package_version="1.2.4",
    environment="~/data/environments/1.2.3-a", version="1.2.3", command="~/data/bin/quota-sidecar",
    by_hand="python3 -I /p/x.whl/sidecar prepare",
)  # fmt: skip
UNMADE = msgspec.structs.replace(INSTALLED, state="not_made", environment=None, version=None, command=None)


def with_(**changes: Any) -> DoctorReport:
    return msgspec.structs.replace(WELL, **changes)


def test_nothing_is_wrong_where_all_is_well() -> None:
    assert find(WELL) == ()
    assert render(WELL).endswith("\n\nNo problem found.")


BROKEN = [
    *(with_(host=msgspec.structs.replace(WELL.host, trouble=kind)) for kind in get_args(ProgramTrouble)),
    *(
        with_(host=msgspec.structs.replace(WELL.host, plugins=(PluginReport("p", "f", kind),)))
        for kind in get_args(PluginTrouble)
    ),
    with_(host=msgspec.structs.replace(WELL.host, plugins=())),
    with_(config_problems=(ProblemReport("f", "wrong", 3, "gateways[0]"),)),
    with_(presets=(PresetReport("p", "f", ProblemReport("f", "wrong")),)),
    *(
        with_(installed=msgspec.structs.replace(INSTALLED, state=state))
        for state in get_args(InstalledState)
        if state not in {"ready", "underway"}
    ),
    *(
        with_(installed=msgspec.structs.replace(UNMADE, last=PreparationReport(kind, "why", "do this")))
        for kind in TROUBLES
    ),
    with_(host=msgspec.structs.replace(WELL.host, plugins=(PACKAGE, PluginReport("file:///s", "f")))),
    *(with_(store=StoreReport("~/s/f", "in_memory", kind, "EIO")) for kind in get_args(StoreTrouble)),
    with_(
        store=StoreReport("~/s/f", "on_disk", is_open_to_others=True, folder_mode="0755", file_mode="0644")
    ),
    with_(log=LogReport("~/state/logs", 1, failures_last_hour=2)),
    with_(virtual_models=(SONNET,), enabled_providers=("anthropic", "openrouter")),
    with_(virtual_models=(LONELY,)),
    with_(virtual_models=(msgspec.structs.replace(LONELY, usable=()),)),
]


@pytest.mark.parametrize("report", BROKEN)
def test_every_trouble_is_one_problem_with_a_cure_and_no_gap_in_its_text(report: DoctorReport) -> None:
    (finding,) = find(report)
    assert len(finding.cure) > 10
    assert finding.cure[-1] in ".:" or finding.paste
    assert "{" not in finding.what + finding.cure
    assert "None" not in finding.what + finding.cure


def test_a_mistake_that_a_gateway_and_a_preset_share_is_told_once_and_all_of_a_file_together() -> None:
    shared = ProblemReport("f.toml", "wrong", 3, "windows[0]")
    report = with_(
        presets=(PresetReport("p", "f.toml", shared),),
        config_problems=(shared, ProblemReport("f.toml", "also wrong")),
    )
    assert find(report) == (
        Finding(
            "2 things to mend in f.toml",
            "Correct it there; it is read anew at every command.",
            ("line 3, windows[0]: wrong", "also wrong"),
        ),
    )


def test_a_virtual_model_without_a_choice_names_what_is_out() -> None:
    assert find(with_(virtual_models=(SONNET, LONELY))) == (
        Finding(
            "limit-router/qwen3 has nothing to choose from: only lab/qwen3 can be used",
            "List another target of it in virtualModels, or mend what keeps one out.",
            ("campus/qwen3: no key", "gone/qwen3: switched off"),
        ),
    )
    assert find(with_(virtual_models=(msgspec.structs.replace(LONELY, usable=()),)))[0].what == (
        "limit-router/qwen3 has nothing to choose from: no target can be used"
    )


def test_one_that_was_found_by_itself_is_no_problem() -> None:
    assert find(with_(virtual_models=(msgspec.structs.replace(LONELY, is_listed=False),))) == ()


def test_a_list_of_providers_that_leaves_the_router_out_is_a_problem_where_it_has_models() -> None:
    assert find(with_(virtual_models=(SONNET,), enabled_providers=("lab", "campus"))) == (
        Finding(
            "OpenCode doesn't offer limit-router: `enabled_providers` leaves it out",
            "Add it in the global opencode.json, and restart OpenCode:",
            paste='"enabled_providers": ["lab", "campus", "limit-router"]',
        ),
    )
    assert find(with_(virtual_models=(SONNET,), enabled_providers=("lab", "limit-router"))) == ()
    assert find(with_(enabled_providers=("lab",))) == ()


def test_the_models_of_the_router_are_listed() -> None:
    (block,) = [
        part
        for part in render(with_(virtual_models=(SONNET, LONELY))).split("\n\n")
        if part.startswith("Models")
    ]
    assert block == (
        """\
Models of limit-router
  claude-sonnet-4-5          headroom · anthropic/claude-sonnet-4-5 · lab/sonnet
  qwen3                      cost · lab/qwen3 · ! campus/qwen3: no key
                             ! gone/qwen3: switched off"""
    )
    many = render(with_(virtual_models=(SONNET,) * 15))
    assert "\n  and 3 more\n" in many


def test_what_an_old_opencode_does_otherwise_is_listed_line_by_line() -> None:
    old = msgspec.structs.replace(WELL.host, version="1.15.13")
    (block,) = [part for part in render(with_(host=old)).split("\n\n") if part.startswith("OpenCode")]
    assert block == (
        """\
OpenCode
  program      1.15.13 · /bin/opencode
  it is old    `opencode run` exits with 0 after an error
               `opencode run` prints nothing into a pipe
               only the TUI and `/global/event` hear of toasts
               its scroll bar: in a terminal of 80 columns set `width` to 70
               a subagent's error doesn't reach its parent, which goes on
  plugin       our-plugin · in ~/opencode.json"""
    )


def test_problems_are_told_in_the_order_in_which_they_are_to_be_cured() -> None:
    failed = ProbeReport(
        "lab", "Lab", KeyReport("none (keyless)", is_missing=True), "failed",
        failure=FailureReport("status", 401), wants_key="LAB_API_KEY",
    )  # fmt: skip
    report = with_(
        host=HostReport("~/opencode.json", "our-plugin", trouble="not_found"),
        gateways=(failed,),
        store=StoreReport("~/s/state.db", "in_memory", "refused", "EIO"),
        log=LogReport("~/state/logs", 1, failures_last_hour=1),
    )
    assert [finding.what for finding in find(report)] == [
        "There is no `opencode` on PATH",
        "OpenCode doesn't load the plugin: no global configuration names it",
        "Lab (lab): HTTP 401: the gateway wants a key, and none was found for this provider",
        "~/s/state.db can't be used: EIO",
        "The sidecar failed once in the last hour",
    ]


def test_every_failure_of_a_fetch_has_a_cure_of_its_own() -> None:
    kinds, statuses = vars(failures)["_KINDS"], vars(failures)["_STATUS"]
    assert vars(failures)["_KIND_CURES"].keys() == kinds.keys()
    assert vars(failures)["_STATUS_CURES"].keys() == statuses.keys()
    assert fetch_cure("status", 503) == "Ask again later; if it stays so, tell whoever runs the gateway."
    assert fetch_cure("status", 418) == "Check baseURL, quotaPath and the key."
    assert fetch_cure("new", None) == "Ask again; if it stays so, report it with this page."
    assert fetch_cure("redirect", 302) == "Write the URL that it redirects to into baseURL and quotaPath."
    assert fetch_failure("redirect", 302).startswith("HTTP 302: it redirects")


ANY = st.text(max_size=90)
maybe = st.none() | ANY
keys = st.builds(KeyReport, ANY, st.booleans(), st.lists(ANY, max_size=2).map(tuple), maybe)
problems = st.builds(ProblemReport, ANY, ANY, st.none() | st.integers(1, 10**6), maybe)
failed = st.builds(
    FailureReport, st.sampled_from(["status", "timeout", "no-window"]), st.none() | st.just(502)
)


def rows(kind: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(kind, max_size=2).map(tuple)


probes = st.builds(
    ProbeReport,
    provider_id=ANY,
    label=ANY,
    key=keys,
    state=st.sampled_from(["answers", "not_asked", "switched_off"]),
    latency_ms=st.none() | st.floats(0, 1e5),
    windows=st.none() | st.integers(0, 50),
    failure=st.none() | failed,
    wants_key=maybe,
)
stores = st.builds(
    StoreReport,
    file=ANY,
    state=st.sampled_from(["on_disk", "not_there", "in_memory"]),
    trouble=st.none() | st.sampled_from(get_args(StoreTrouble)),
    reason=maybe,
    size_bytes=st.none() | st.integers(0, 10**9),
    rows=st.dictionaries(ANY, st.integers(0, 10**9), max_size=2),
    folder_mode=maybe,
    file_mode=maybe,
    is_open_to_others=st.booleans(),
    set_aside=rows(ANY),
    open_by=st.none() | st.integers(0, 99),
)
reports = st.builds(
    DoctorReport,
    at=st.just(NOW),
    program=st.builds(ProgramReport, ANY, ANY, ANY, ANY, ANY, st.dictionaries(ANY, ANY, max_size=3)),
    host=st.builds(HostReport, ANY, ANY, maybe, maybe, st.none() | st.sampled_from(get_args(ProgramTrouble)),
                   rows(st.builds(PluginReport, ANY, ANY, st.sampled_from([None, "no_folder"])))),
    files=rows(st.builds(FileReport, ANY, st.sampled_from(["read", "not_there", "refused"]), maybe)),
    presets=rows(st.builds(PresetReport, ANY, ANY, st.none() | problems)),
    gateways=rows(probes),
    providers=rows(st.builds(ProviderReport, ANY, ANY, maybe, maybe)),
    store=stores,
    log=st.builds(LogReport, ANY, st.integers(0, 10), st.integers(0, 99), st.integers(0, 99),
                  rows(st.builds(LogLine, ANY, ANY, st.none() | st.floats(0, 4e9)))),
    config_file=ANY,
    is_enabled=st.booleans(),
    switched_off=rows(ANY),
    config_problems=rows(problems),
    installed=st.none() | st.builds(InstalledReport, ANY, st.sampled_from(get_args(InstalledState)),
                                    st.booleans(), maybe, maybe, maybe, maybe, maybe, rows(ANY), maybe,
                                    st.none() | st.builds(PreparationReport, ANY, ANY, ANY, st.just(NOW))),
)  # fmt: skip


@given(reports)
def test_no_line_is_too_wide_but_what_is_to_be_copied_and_nothing_can_steer_a_terminal(
    report: DoctorReport,
) -> None:
    found, notes = find(report), worth_knowing(report)
    lines = render(msgspec.structs.replace(report, problems=found, notes=notes)).split("\n")
    copied = [finding.paste for finding in (*found, *notes) if finding.paste]
    assert sum(columns(line) > WIDTH for line in lines) <= len(copied)
    assert [line for line in lines if not line.isprintable() or line != line.rstrip()] == []
