"""What the doctor says of an installed plugin: its rows, its problems, and what is worth knowing."""

from collections.abc import Iterator
from typing import Final

from sidecar.texts.doctor_data import DoctorReport, Finding, InstalledReport, InstalledState, PluginReport
from sidecar.texts.preparation import TROUBLES

_UNMADE: Final[dict[InstalledState, tuple[str, str]]] = {
    "no_package": (
        "OpenCode has not fetched the plugin yet",
        "Start OpenCode. If it stays so, `opencode plugin opencode-quota-sidecar --global` says what is "
        "in the way: mostly npm's settings of registry or proxy.",
    ),
    "not_made": (
        "The sidecar's Python environment has not been made yet",
        "Start OpenCode: it makes it in the background, mostly in less than a minute. To see how it goes, "
        "run",
    ),
    "interrupted": (
        "The making of the sidecar's Python environment was interrupted",
        "Start OpenCode: it begins anew, in the background. To see how it goes, run",
    ),
    "outdated": (
        "The sidecar is of version {version}, the plugin of {package_version}",
        "Start OpenCode: it makes the new environment in the background. To see how it goes, run",
    ),
}
"""What is the matter in these states, unless the last preparation has said why."""

STATES: Final[dict[InstalledState, str]] = {
    "no_package": "! none yet",
    "not_made": "! none yet",
    "interrupted": "! not finished",
    "underway": "being made now",
    "outdated": "! to be made anew",
    "ready": "ready",
}


def rows(installed: InstalledReport) -> Iterator[tuple[str, list[str]]]:
    """Yield the section: each row's label and its parts."""
    package = [installed.package_version or "", installed.package] if installed.package else None
    yield "package", package or ["! not fetched" if installed.is_wanted else "none: nothing names it"]
    where = installed.environment or installed.folder
    yield "environment", [STATES[installed.state], installed.version or "", where]
    if installed.command:
        yield "command", [installed.command]
    if installed.others:
        yield "left over", [*installed.others, "removed once nothing runs from them"]


def problems(report: DoctorReport) -> Iterator[Finding]:
    """Tell why an installed plugin has no sidecar, or two places bring it."""
    installed = report.installed
    if installed and installed.is_wanted and installed.state in _UNMADE:
        last = installed.last
        if last and last.kind in TROUBLES and installed.package:
            reason, cure = TROUBLES[last.kind]
            what = reason.format(detail=last.detail).rstrip(".")
            yield Finding(what, cure.format(command=last.command, detail=last.detail))
        else:
            yield _unmade(installed)
    named = [plugin for plugin in report.host.plugins if plugin.trouble in {None, "no_environment"}]
    if len({_place(plugin) for plugin in named}) > 1:
        yield Finding(
            f"OpenCode is to load the plugin from {len(named)} places",
            "Leave one of these entries of `plugin`, and restart OpenCode.",
            tuple(f"{plugin.spec} in {plugin.file}" for plugin in named),
        )


def notes(report: DoctorReport) -> Iterator[Finding]:
    """Tell what is as somebody wanted it, and may have been forgotten."""
    for plugin in report.host.plugins:
        if plugin.is_package and not plugin.trouble and is_pinned(plugin):
            yield Finding(
                f"{plugin.file} keeps the plugin at {plugin.spec.partition('@')[2]}",
                "To follow new versions, name it without one.",
            )
    installed = report.installed
    if installed and not installed.is_wanted:
        yield Finding(
            f"{installed.folder} is of an installed plugin that no configuration names here",
            "Remove it if no other OpenCode needs it.",
        )


def is_pinned(plugin: PluginReport) -> bool:
    """Say whether the entry names one version."""
    return plugin.spec.partition("@")[2] not in {"", "latest"}


def _unmade(installed: InstalledReport) -> Finding:
    what, cure = _UNMADE[installed.state]
    if installed.state == "outdated" and installed.version == installed.package_version:
        what = "The sidecar is of another build of version {version} than the plugin"
    told = what.format(version=installed.version, package_version=installed.package_version)
    return Finding(told, cure, paste=installed.by_hand)


def _place(plugin: PluginReport) -> str:
    """Return what OpenCode takes for one plugin: whatever the version, a package is one."""
    return plugin.spec.partition("@")[0] if plugin.is_package else plugin.spec
