"""Keys: where they are looked for, how placeholders are filled, and where a key may go."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.adapters.config import Config, ConfigLoader
from sidecar.adapters.secrets import Secret
from sidecar.adapters.settings import Settings
from tests.machine import BASE, KEY_A, KEY_B, KEY_C, Machine, key_of


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def credential(machine: Machine, entry: Mapping[str, str] | None = None) -> tuple[Any, ...] | None:
    """Return the key that is used, and all that is told about it."""
    machine.gateways({"providerId": "campus"} | dict(entry or {}))
    found = machine.only().credential
    if found is None:
        return None
    shadowed = [source.source for source in found.shadowed]
    return found.used.key.reveal(), found.used.source, shadowed, found.host_uses


def test_a_key_is_looked_for_in_environment_then_configuration_then_logins(machine: Machine) -> None:
    machine.environ["CAMPUS_API_KEY"] = KEY_A
    machine.provider(baseURL=BASE, apiKey=KEY_B)
    machine.write(machine.auth, {"campus": {"type": "api", "key": KEY_C}})
    assert credential(machine) == (
        KEY_A, "environment CAMPUS_API_KEY", ["opencode.json", "auth.json"], "opencode.json",
    )  # fmt: skip
    del machine.environ["CAMPUS_API_KEY"]
    assert credential(machine) == (KEY_B, "opencode.json", ["auth.json"], None)
    machine.provider(baseURL=BASE)
    assert credential(machine) == (KEY_C, "auth.json", [], None)
    machine.auth.unlink()
    assert credential(machine) is None


def test_the_same_key_in_two_places_is_no_difference_to_opencodes(machine: Machine) -> None:
    machine.environ["CAMPUS_API_KEY"] = KEY_A
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    assert credential(machine) == (KEY_A, "environment CAMPUS_API_KEY", ["opencode.json"], None)


def test_a_variable_that_the_entry_names_stands_in_for_the_usual_one(machine: Machine) -> None:
    machine.environ |= {"CAMPUS_API_KEY": KEY_A, "MY_KEY": KEY_B}
    machine.provider(baseURL=BASE)
    assert credential(machine, {"apiKeyEnv": "MY_KEY"}) == (KEY_B, "environment MY_KEY", [], None)


def test_opencodes_own_variable_is_known_from_its_provider(machine: Machine) -> None:
    machine.environ |= {"CAMPUS_API_KEY": KEY_A, "UNI_KEY": KEY_B}
    row = {"options": {"baseURL": BASE}, "env": ["OTHER", "UNI_KEY"]}
    machine.write(machine.host, {"provider": {"campus": row}})
    assert credential(machine) == (KEY_A, "environment CAMPUS_API_KEY", [], "environment UNI_KEY")


@pytest.mark.parametrize(
    ("provider_id", "variable"),
    [("campus", "CAMPUS_API_KEY"), ("my-gateway", "MY_GATEWAY_API_KEY"), ("a..b--c", "A_B_C_API_KEY"),
     ("302ai", "302AI_API_KEY"), ("é1", "_1_API_KEY")],
)  # fmt: skip
def test_the_usual_variable_is_made_from_the_providers_id(
    machine: Machine, provider_id: str, variable: str
) -> None:
    machine.environ[variable] = f" {KEY_A}\n"
    machine.gateways({"providerId": provider_id, "baseURL": BASE})
    assert key_of(machine.only()) == KEY_A


LOGINS = {
    "oauth": {"type": "oauth", "refresh": KEY_A, "access": KEY_A},
    "wellknown": {"type": "wellknown", "key": KEY_A},
    "blank": {"type": "api", "key": "  "},
    "untyped": {"key": KEY_A},
}


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_that_is_no_plain_key_is_not_used(machine: Machine, login: str) -> None:
    machine.provider(baseURL=BASE, apiKey="")
    machine.write(machine.auth, {"campus": LOGINS[login]})
    assert credential(machine) is None


def test_placeholders_of_global_files_are_filled(machine: Machine) -> None:
    machine.environ["UNI_KEY"] = KEY_A
    machine.write(machine.config / "secret.txt", f"{KEY_B}\n")
    machine.write(machine.home / "other.txt", KEY_C)
    machine.provider(baseURL=BASE, apiKey="{env:UNI_KEY}")
    assert credential(machine) == (KEY_A, "opencode.json", [], None)
    machine.provider(baseURL=BASE, apiKey="{file:secret.txt}")
    assert credential(machine) == (KEY_B, "opencode.json", [], None)
    machine.provider(baseURL=BASE, apiKey="{file:~/other.txt}")
    assert credential(machine) == (KEY_C, "opencode.json", [], None)


UNRESOLVED = {
    "{env:NO_SUCH}": "{env:NO_SUCH}: the environment has no NO_SUCH; set it where OpenCode is started",
    "{env:BLANK}": "{env:BLANK}: the environment has no BLANK; set it where OpenCode is started",
    "{file:no-such}": "{file:no-such}: can't be read; check the path and its permissions",
    "{file:.}": "{file:.}: can't be read; check the path and its permissions",
    "{file:pipe}": "{file:pipe}: can't be read; check the path and its permissions",
    "{file:a\x00b}": "{file:a\x00b}: can't be read; check the path and its permissions",
    "{file:empty}": "{file:empty}: is empty, or too large for a secret; put the secret alone into it",
    "{file:huge}": "{file:huge}: is empty, or too large for a secret; put the secret alone into it",
    "{file:binary}": "{file:binary}: can't be read; check the path and its permissions",
    "${UNI_KEY}": "${UNI_KEY} is not replaced in this file; write {env:UNI_KEY}",
    "${env:UNI_KEY}": "${UNI_KEY} is not replaced in this file; write {env:UNI_KEY}",
    "{env:}": "a placeholder is not well-formed; write {env:NAME}",
    "{ENV:UNI_KEY}": "a placeholder is not well-formed; write {env:NAME}",
    "{env:UNI_KEY": "a placeholder is not well-formed; write {env:NAME}",
    "{ file:secret }": "a placeholder is not well-formed; write {file:path}",
}


@pytest.fixture
def unresolvable(machine: Machine) -> Machine:
    machine.environ |= {"UNI_KEY": KEY_A, "BLANK": "  "}
    os.mkfifo(machine.config / "pipe")
    (machine.config / "empty").write_text(" \n")
    (machine.config / "huge").write_text("x" * 70_000)
    (machine.config / "binary").write_bytes(b"\xff\xfe\x00")
    return machine


@pytest.mark.parametrize("text", UNRESOLVED, ids=ascii)
def test_an_unresolved_key_is_told_at_its_place_and_asks_nothing(unresolvable: Machine, text: str) -> None:
    unresolvable.provider(baseURL=BASE, apiKey=text)
    unresolvable.gateways({"providerId": "campus"})
    assert unresolvable.refused() == ("provider.campus.options.apiKey", UNRESOLVED[text])


@pytest.mark.parametrize("text", UNRESOLVED, ids=ascii)
@pytest.mark.parametrize("field", ["baseURL", "quotaPath", "headers"])
def test_an_unresolved_value_is_never_sent_as_it_stands(unresolvable: Machine, text: str, field: str) -> None:
    value = {"baseURL": f"{BASE}/{text}", "quotaPath": f"/{text}", "headers": {"X-Team": text}}[field]
    unresolvable.gateways({"providerId": "campus", "baseURL": BASE} | {field: value})
    path = "gateways[0].headers.X-Team" if field == "headers" else f"gateways[0].{field}"
    assert unresolvable.refused() == (path, UNRESOLVED[text])


def test_an_unresolved_key_of_opencode_is_told_but_another_source_is_used(machine: Machine) -> None:
    machine.environ["CAMPUS_API_KEY"] = KEY_A
    machine.provider(baseURL=BASE, apiKey="{env:NO_SUCH}")
    machine.gateways({"providerId": "campus"})
    config = machine.load()
    assert [key_of(gateway) for gateway in config.gateways] == [KEY_A]
    assert [problem.path for problem in config.problems] == ["provider.campus.options.apiKey"]


def test_an_unresolved_key_of_a_provider_without_a_gateway_is_not_our_business(machine: Machine) -> None:
    machine.provider(baseURL=BASE, apiKey="{env:NO_SUCH}")
    assert machine.load() == Config(Settings(), (), ())


def test_a_named_variable_that_is_not_there_is_never_silently_keyless(machine: Machine) -> None:
    machine.provider(baseURL=BASE)
    machine.gateways({"providerId": "campus", "apiKeyEnv": "NO_SUCH"})
    assert machine.refused() == (
        "gateways[0].apiKeyEnv",
        "the environment has no such variable; set it where OpenCode is started",
    )


def test_a_named_variable_that_is_not_there_is_told_when_another_key_is_used(machine: Machine) -> None:
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    machine.gateways({"providerId": "campus", "apiKeyEnv": "NO_SUCH"})
    config = machine.load()
    assert [key_of(gateway) for gateway in config.gateways] == [KEY_A]
    assert [(row.path, row.message) for row in config.problems] == [
        (
            "gateways[0].apiKeyEnv",
            "the environment has no such variable; the key of opencode.json is used",
        )
    ]


def test_a_key_with_a_line_break_inside_is_not_sent(machine: Machine) -> None:
    machine.environ["CAMPUS_API_KEY"] = "abc\r\nX-Other: y"
    machine.gateways({"providerId": "campus", "baseURL": BASE})
    assert machine.refused() == (
        "gateways[0].providerId",
        "the key in environment CAMPUS_API_KEY holds characters that can't be sent; copy it again",
    )


def test_a_placeholder_inside_a_value_is_not_filled_again(machine: Machine) -> None:
    machine.environ |= {"UNI_KEY": "{env:HOME}"}
    machine.provider(baseURL=BASE, apiKey="{env:UNI_KEY}")
    assert credential(machine) == ("{env:HOME}", "opencode.json", [], None)


ELSEWHERE = (
    "is another host than provider.<id>.options.baseURL, and that provider's key is not sent there; "
    "name the key for this host with apiKeyEnv"
)


@pytest.mark.parametrize("source", ["environment", "configuration", "login"])
@pytest.mark.parametrize(
    "base_url",
    ["https://other.example/v1", "https://campus.example:8443/v1", "http://127.0.0.1/v1",
     "https://campus.example.other.example/v1"],
)  # fmt: skip
def test_a_providers_key_goes_to_its_own_origin_only(machine: Machine, source: str, base_url: str) -> None:
    machine.provider(baseURL=BASE, apiKey=KEY_A if source == "configuration" else "")
    machine.environ |= {"CAMPUS_API_KEY": KEY_A} if source == "environment" else {}
    machine.write(machine.auth, {"campus": {"type": "api", "key": KEY_A}} if source == "login" else {})
    machine.gateways({"providerId": "campus", "baseURL": base_url})
    assert machine.refused() == ("gateways[0].baseURL", ELSEWHERE)


def test_a_key_that_is_named_for_another_origin_goes_there(machine: Machine) -> None:
    machine.environ["OTHER_KEY"] = KEY_B
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    machine.gateways({"providerId": "campus", "baseURL": "https://other.example", "apiKeyEnv": "OTHER_KEY"})
    assert key_of(machine.only()) == KEY_B


def test_a_named_key_that_is_not_there_is_not_replaced_by_the_providers_at_another_origin(
    machine: Machine,
) -> None:
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    machine.gateways({"providerId": "campus", "baseURL": "https://other.example", "apiKeyEnv": "OTHER_KEY"})
    assert machine.refused() == ("gateways[0].baseURL", ELSEWHERE)


def test_another_path_at_the_same_origin_gets_the_providers_key(machine: Machine) -> None:
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    machine.gateways({"providerId": "campus", "baseURL": "https://CAMPUS.example:443/usage"})
    assert key_of(machine.only()) == KEY_A


@pytest.mark.parametrize("link", [False, True], ids=["named", "through a link"])
def test_a_secret_is_never_read_from_an_open_project(machine: Machine, link: bool) -> None:
    secret = machine.project / "secret.txt"
    machine.write(secret, KEY_A)
    if link:
        (machine.config / "link").symlink_to(secret)
    machine.provider(baseURL=BASE, apiKey="{file:link}" if link else f"{{file:{secret}}}")
    machine.gateways({"providerId": "campus"})
    path, message = machine.refused()
    assert path == "provider.campus.options.apiKey"
    assert message.endswith("lies in an open project, where others can write; move it elsewhere")


def test_a_secret_is_not_read_from_another_open_project_either(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    machine.write(other / "secret", KEY_A)
    machine.gateways(
        {"providerId": "campus", "baseURL": BASE, "headers": {"X-Key": f"{{file:{other}/secret}}"}}
    )
    assert len(machine.loader.load(machine.project).gateways) == 1
    assert machine.loader.load(machine.project, [machine.project, other]).gateways == ()


def test_the_users_own_home_may_be_the_open_project(machine: Machine) -> None:
    machine.write(machine.config / "secret", KEY_A)
    machine.provider(baseURL=BASE, apiKey="{file:secret}")
    machine.gateways({"providerId": "campus"})
    assert [key_of(row) for row in machine.loader.load(machine.home).gateways] == [KEY_A]


def test_the_configuration_folder_as_a_projects_folder_is_still_the_global_one(machine: Machine) -> None:
    machine.environ["OPENCODE_CONFIG_DIR"] = str(machine.projects_file.parent)
    machine.write(machine.projects_file, {"gateways": [{"providerId": "campus", "baseURL": BASE}]})
    config = ConfigLoader(machine.places, machine.environ).load(machine.project)
    assert ([row.provider_id for row in config.gateways], config.problems) == (["campus"], ())


def test_secrets_hide_themselves_and_no_problem_holds_one(machine: Machine) -> None:
    machine.environ["TEAM"] = KEY_B
    machine.provider(baseURL=BASE, apiKey=KEY_A)
    headers = {"X-Team": "{env:TEAM}"}
    machine.gateways({"providerId": "campus", "headers": headers}, {"providerId": "x", "headers": headers})
    config = machine.load()
    assert [problem.path for problem in config.problems] == ["gateways[1].providerId"]
    told = repr(config) + str(config)
    assert KEY_A not in told
    assert KEY_B not in told
    assert repr(Secret(KEY_A)) == str(Secret(KEY_A)) == f"{Secret(KEY_A)}" == "Secret(...)"


@pytest.mark.parametrize(
    ("provider_id", "preset"),
    [
        ("deepseek", "deepseek"),
        ("nano-gpt", "nanogpt"),
        ("moonshotai", "moonshot"),
        ("kimi-for-coding", "kimi"),
        ("siliconflow", "siliconflow-com"),
        ("openrouter", "openrouter-credits"),
        ("anthropic", "claude-plan"),
    ],
)
def test_a_preset_of_the_providers_own_service_gets_its_key(
    machine: Machine, provider_id: str, preset: str
) -> None:
    machine.write(machine.auth, {provider_id: {"type": "api", "key": KEY_A}})
    machine.gateways({"providerId": provider_id, "preset": preset})
    assert key_of(machine.only()) == KEY_A


def test_a_name_without_a_latin_letter_is_like_no_services(machine: Machine) -> None:
    machine.write(machine.auth, {"日本": {"type": "api", "key": KEY_A}})
    machine.gateways({"providerId": "日本", "preset": "deepseek"})
    path, message = machine.refused()
    assert path == "gateways[0].preset"
    assert message.startswith("is of another service than the provider '日本', and ")


def test_a_providers_key_does_not_go_to_the_service_of_another_preset(machine: Machine) -> None:
    machine.write(machine.auth, {"openai": {"type": "api", "key": KEY_A}})
    machine.gateways({"providerId": "openai", "preset": "deepseek"})
    assert machine.refused() == (
        "gateways[0].preset",
        "is of another service than the provider 'openai', and that provider's key is not sent there; "
        "name the key for it with apiKeyEnv, or its place with baseURL",
    )
    machine.environ["DEEPSEEK_KEY"] = KEY_B
    machine.gateways({"providerId": "openai", "preset": "deepseek", "apiKeyEnv": "DEEPSEEK_KEY"})
    assert key_of(machine.only()) == KEY_B
    machine.gateways({"providerId": "openai", "preset": "deepseek", "baseURL": "https://mine.example"})
    assert key_of(machine.only()) == KEY_A
