"""What the doctor says of an installed plugin, as texts."""

from typing import Any

import msgspec

from sidecar.texts.doctor_data import Finding, InstalledReport, PluginReport, PreparationReport
from sidecar.texts.doctor_findings import find, worth_knowing
from sidecar.texts.doctor_report import render
from tests.test_doctor_texts import INSTALLED, NOW, PACKAGE, UNMADE, WELL, with_


def test_the_section_of_an_installed_plugin_says_what_is_used_and_what_is_left() -> None:
    left = msgspec.structs.replace(INSTALLED, state="outdated", others=("1.2.2-b", "1.2.4-c"))
    last = PreparationReport("noIndex", "pypi.org: connection refused", "again", NOW - 60)
    assert (
        section(left, last=last)
        == """\
Installed plugin
  package      1.2.4 · ~/cache/p@latest
  environment  ! to be made anew · 1.2.3 · ~/data/environments/1.2.3-a
  command      ~/data/bin/quota-sidecar
  left over    1.2.2-b · 1.2.4-c · removed once nothing runs from them
  last try     noIndex · pypi.org: connection refused"""
    )
    unused = InstalledReport(folder="~/data", state="ready", is_wanted=False)
    assert (
        section(unused)
        == """\
Installed plugin
  package      none: nothing names it
  environment  ready · ~/data"""
    )
    assert (
        section(unused, is_wanted=True, state="no_package")
        == """\
Installed plugin
  package      ! not fetched
  environment  ! none yet · ~/data"""
    )


def section(installed: InstalledReport, **changes: Any) -> str:
    page = render(with_(installed=msgspec.structs.replace(installed, **changes)))
    (found,) = [part for part in page.split("\n\n") if part.startswith("Installed")]
    return found


def test_what_the_last_preparation_said_is_told_with_its_cure() -> None:
    last = PreparationReport("noIndex", "pypi.org: connection refused", "python3 -I /p prepare")
    assert find(with_(installed=msgspec.structs.replace(UNMADE, last=last))) == (
        Finding(
            "Its Python packages could not be fetched: pypi.org: connection refused",
            "Check the network, and pip's or uv's settings of index, proxy and certificates. "
            "To try again and see more, run `python3 -I /p prepare`; or restart OpenCode.",
        ),
    )
    another = msgspec.structs.replace(INSTALLED, state="outdated", version="1.2.4")
    assert [one.what for one in find(with_(installed=another))] == [
        "The sidecar is of another build of version 1.2.4 than the plugin"
    ]
    unfetched = InstalledReport(folder="~/data", state="no_package", is_wanted=True)
    assert [one.what for one in find(with_(installed=unfetched))] == [
        "OpenCode has not fetched the plugin yet"
    ]
    ended = msgspec.structs.replace(UNMADE, last=PreparationReport("began"))
    assert find(with_(installed=ended)) == find(with_(installed=UNMADE))
    assert find(with_(installed=msgspec.structs.replace(UNMADE, state="underway"))) == ()
    assert find(with_(installed=msgspec.structs.replace(UNMADE, is_wanted=False))) == ()
    unfetched = msgspec.structs.replace(UNMADE, state="no_package", package=None, last=last)
    (finding,) = find(with_(installed=unfetched))
    assert finding.what == "OpenCode has not fetched the plugin yet"


def test_a_package_is_one_plugin_in_whatever_version_it_is_named() -> None:
    pinned = PluginReport("opencode-quota-sidecar@1.2.3", "~/opencode.jsonc", is_package=True)
    report = with_(host=msgspec.structs.replace(WELL.host, plugins=(PACKAGE, pinned)))
    assert find(report) == ()
    misplaced = msgspec.structs.replace(pinned, trouble="wrong_key")
    assert worth_knowing(with_(host=msgspec.structs.replace(WELL.host, plugins=(misplaced,)))) == ()
    assert worth_knowing(report) == (
        Finding("~/opencode.jsonc keeps the plugin at 1.2.3", "To follow new versions, name it without one."),
    )


def test_a_checkout_beside_the_package_is_told_even_if_it_could_not_start() -> None:
    bare = PluginReport("/srv/js-shim", "~/opencode.json", trouble="no_environment")
    report = with_(host=msgspec.structs.replace(WELL.host, plugins=(PACKAGE, bare)))
    assert "OpenCode is to load the plugin from 2 places" in [finding.what for finding in find(report)]


def test_what_is_worth_knowing_stands_before_the_problems_and_is_none() -> None:
    report = with_(gateways=(), installed=InstalledReport("~/data", "ready", is_wanted=False))
    assert find(report) == ()
    page = render(msgspec.structs.replace(report, notes=worth_knowing(report)))
    assert page.endswith("""

Worth knowing:
  - ~/data is of an installed plugin that no configuration names here. Remove it
    if no other OpenCode needs it.
  - No gateway is configured, and nothing is known of what is left anywhere. To
    be told, write into ~/quota-sidecar.jsonc, with the id of a provider of
    OpenCode:
    { "gateways": [{ "providerId": "my-gateway", "quotaPath": "/quota" }] }

No problem found.""")
