"""Configuration: which files count, what an entry says, and what is told to mend."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from sidecar.adapters.config import Config
from sidecar.adapters.paths import Places, find_places, shorten
from sidecar.adapters.settings import Settings
from sidecar.quota import presets
from tests.machine import BASE, KEY_A, Machine, key_of


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("more", "config", "layers"),
    [
        ({}, "/home/u/.config/opencode", ["/home/u/.config/opencode"]),
        ({"XDG_CONFIG_HOME": "/x"}, "/x/opencode", ["/x/opencode"]),
        ({"XDG_CONFIG_HOME": "x"}, "/home/u/.config/opencode", ["/home/u/.config/opencode"]),
        ({"OPENCODE_CONFIG_DIR": "/o"}, "/o", ["/home/u/.config/opencode", "/o"]),
        ({"OPENCODE_CONFIG_DIR": "o"}, "/home/u/.config/opencode", ["/home/u/.config/opencode"]),
        ({"OPENCODE_CONFIG_DIR": ""}, "/home/u/.config/opencode", ["/home/u/.config/opencode"]),
    ],
    ids=str,
)
def test_places_follow_the_environment_and_no_relative_folder(
    more: dict[str, str], config: str, layers: list[str]
) -> None:
    assert find_places({"HOME": "/home/u"} | more) == Places(
        config=Path(config),
        config_layers=tuple(Path(layer) for layer in layers),
        data=Path("/home/u/.local/share/opencode"),
        cache=Path("/home/u/.cache/opencode"),
        state=Path("/home/u/.local/state/opencode-quota-sidecar"),
        prepared=Path("/home/u/.local/share/opencode-quota-sidecar"),
    )


def test_each_folder_of_xdg_is_followed_if_it_is_absolute() -> None:
    found = find_places({"HOME": "/h", "XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "s"})
    assert (found.data, found.prepared) == (Path("/d/opencode"), Path("/d/opencode-quota-sidecar"))
    assert found.cache == Path("/c/opencode")
    assert found.state == Path("/h/.local/state/opencode-quota-sidecar")


def test_a_path_in_the_home_folder_is_written_with_a_tilde() -> None:
    environ = {"HOME": "/home/u"}
    assert shorten(Path("/home/u/a/b"), environ) == "~/a/b"
    assert shorten(Path("/home/user2/a"), environ) == "/home/user2/a"


def test_a_path_of_bytes_that_are_no_text_can_still_be_told() -> None:
    assert shorten(Path(os.fsdecode(b"/srv/b\xffd")), {"HOME": "/home/u"}) == "/srv/b?d"


def test_without_any_file_there_is_nothing_and_nothing_to_mend(machine: Machine) -> None:
    assert machine.load() == Config(Settings(), (), ())


def test_a_gateway_inherits_base_url_name_and_key_from_opencode(machine: Machine) -> None:
    row = {"name": "Campus AI", "options": {"baseURL": BASE + "/", "apiKey": KEY_A}}
    machine.write(machine.host, {"provider": {"campus": row}})
    machine.gateways({"providerId": "campus"})
    gateway = machine.only()
    assert (gateway.provider_id, gateway.label, gateway.urls()) == (
        "campus",
        "Campus AI",
        (f"GET {BASE}/quota",),
    )
    assert gateway.mapping == presets.load("neutral")
    assert key_of(gateway) == KEY_A


def test_the_entry_that_was_asked_for_works_in_opencodes_own_file(machine: Machine) -> None:
    machine.write(
        machine.config / "opencode.jsonc",
        """{
          "provider": { "my-gateway": { "options": { "baseURL": "https://gw.example/v1" } } },
          "experimental": {
            "quotaToast": {
              "openaiCompatibleGateways": [
                { "providerId": "my-gateway", "quotaPath": "/quota" }
                // baseURL inherited from provider.<id>.options.baseURL; apiKey via the existing resolver
              ]
            }
          }
        }""",
    )
    machine.write(machine.auth, {"my-gateway": {"type": "api", "key": KEY_A}})
    gateway = machine.only()
    assert (gateway.provider_id, gateway.urls(), key_of(gateway)) == (
        "my-gateway", ("GET https://gw.example/v1/quota",), KEY_A,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "url", "preset"),
    [
        ({}, "https://campus.example/v1/quota", "neutral"),
        ({"quotaPath": "/left"}, "https://campus.example/v1/left", "neutral"),
        ({"quotaPath": "//key/info"}, "https://campus.example/key/info", "neutral"),
        ({"quotaPath": "/{env:TENANT}/left"}, "https://campus.example/v1/physics/left", "neutral"),
        ({"preset": "openrouter"}, "https://campus.example/v1/key", "openrouter"),
        ({"preset": "litellm"}, "https://campus.example/key/info", "litellm"),
        ({"preset": "litellm", "quotaPath": "/x"}, "https://campus.example/v1/x", "litellm"),
        ({"mapping": "openrouter"}, "https://campus.example/v1/quota", "openrouter"),
        ({"mapping": "neutral"}, "https://campus.example/v1/quota", "neutral"),
        (
            {"baseURL": "https://campus.example/{env:TENANT}"},
            "https://campus.example/physics/quota",
            "neutral",
        ),
    ],
    ids=str,
)
def test_an_entry_says_where_and_how_its_reply_is_read(
    machine: Machine, entry: dict[str, str], url: str, preset: str
) -> None:
    machine.environ["TENANT"] = "physics"
    machine.provider(baseURL=BASE)
    machine.gateways({"providerId": "campus"} | entry)
    gateway = machine.only()
    read_by = presets.load(preset)
    assert (gateway.urls(), gateway.mapping.windows) == ((f"GET {url}",), read_by.windows)


def test_a_mapping_may_be_written_in_place(machine: Machine) -> None:
    window = {"name": "left", "unit": "credits", "used": "body.u"}
    machine.provider(baseURL=BASE)
    machine.gateways(
        {"providerId": "campus", "mapping": {"requests": [{"path": "//left"}], "windows": [window]}}
    )
    gateway = machine.only()
    assert gateway.urls() == ("GET https://campus.example/left",)
    assert msgspec.to_builtins(gateway.mapping.windows[0])["used"] == "body.u"


def test_the_same_account_and_url_is_asked_once_and_ours_wins(machine: Machine) -> None:
    listed = {"quotaToast": {"openaiCompatibleGateways": [{"providerId": "campus", "label": "theirs"}]}}
    provider = {"campus": {"options": {"baseURL": BASE}}}
    machine.write(machine.host, {"provider": provider, "experimental": listed})
    machine.gateways({"providerId": "campus", "label": "ours"})
    assert machine.only().label == "ours"


def test_later_global_files_override_earlier_ones(machine: Machine) -> None:
    for name, letter in (("config.json", "a"), ("opencode.json", "b"), ("opencode.jsonc", "c")):
        row = {"options": {"baseURL": f"https://{letter}.example"}}
        machine.write(machine.config / name, {"provider": {"campus": row}})
    machine.gateways({"providerId": "campus"})
    assert machine.only().account.origin == "https://c.example"


@pytest.mark.parametrize(
    "host",
    [
        {"provider": {"campus": "text", "other": None, "more": []}},
        {"provider": "text"},
        {"provider": {"campus": {"options": "text", "name": 3, "env": "X"}}},
        {"provider": {"campus": {"options": {"baseURL": 3, "apiKey": {}}}}},
        {"experimental": "text"},
        {"experimental": {"quotaToast": []}},
        [],
        "text",
        None,
    ],
    ids=str,
)
def test_a_strange_opencode_file_is_no_business_of_ours(machine: Machine, host: object) -> None:
    machine.write(machine.host, json.dumps(host))
    machine.write(machine.auth, {"campus": "text", "other": {"type": "api", "key": 3}})
    machine.gateways({"providerId": "campus", "baseURL": BASE})
    assert key_of(machine.only()) is None


def test_the_folder_of_own_presets_is_listed_once_for_all_entries(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Path] = []

    def glob(folder: Path, pattern: str) -> list[Path]:
        listed.append(folder)
        return [folder / pattern]

    monkeypatch.setattr(Path, "glob", glob)
    machine.gateways(*({"providerId": name, "preset": "litellm", "baseURL": BASE} for name in "abc"))
    assert len(machine.load().gateways) == 3
    assert listed == [machine.config / "quota-presets"]
