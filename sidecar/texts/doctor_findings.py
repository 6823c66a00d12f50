"""What is wrong, and what to do about it: from what the doctor found out to problems with their cures.

The order of `_RULES` is the order in which they are told: what stops everything comes first.
"""

from collections.abc import Callable, Iterator
from typing import Final

from sidecar.protocol import ROUTER
from sidecar.texts import doctor_installed, hosts
from sidecar.texts.doctor_data import (
    DoctorReport,
    Finding,
    PluginReport,
    PluginTrouble,
    ProgramTrouble,
    StoreTrouble,
)
from sidecar.texts.failures import fetch_cure, fetch_failure
from sidecar.texts.figures import title
from sidecar.texts.status_report import ProblemReport

FEWEST: Final = 2
"""Targets that make a virtual model worth having."""

NO_OBJECT: Final = "it holds no object; nothing of it is used"
NOT_SHOWN: Final = "(not shown: the line holds part of a key)"

_PROGRAM: Final[dict[ProgramTrouble, tuple[str, str]]] = {
    "not_found": (
        "There is no `opencode` on PATH",
        "Install OpenCode, or add its folder to PATH where you run this.",
    ),
    "not_started": ("{program} can't be started", "Install OpenCode again."),
    "hangs": (
        "{program} doesn't say its version within 20 s",
        "Run `opencode --version` by hand; if it hangs there too, install OpenCode again.",
    ),
    "failed": (
        "{program} ends with an error when it is asked for its version",
        "Run `opencode --version` by hand: it says why. If it doesn't, install OpenCode again.",
    ),
    "no_version": (
        "{program} says no version when it is asked for it",
        "It may be another program of that name: OpenCode's own must come first on PATH.",
    ),
}

_TOO_OLD: Final = "OpenCode {version} is older than any that this was tried with"
_NEWER: Final = "Update OpenCode; {oldest} is the oldest that was tried. Until then much may be missing."

_PLUGIN: Final[dict[PluginTrouble, tuple[str, str]]] = {
    "no_folder": (
        "The plugin is not where {file} says: {spec}",
        "Correct that entry of `plugin`, and restart OpenCode. Here it would be",
    ),
    "misspelt": (
        "OpenCode can't load the plugin: {file} calls it {spec}",
        "It is `opencode-quota-sidecar`. Correct that entry of `plugin`, and restart OpenCode.",
    ),
    "wrong_key": (
        "OpenCode doesn't read `plugins`, where {file} names {spec}",
        "The key is `plugin`. Rename it, and restart OpenCode.",
    ),
    "no_environment": (
        "The plugin's checkout has no environment to start the sidecar from: {spec}",
        "Run `make setup` in that checkout, and restart OpenCode.",
    ),
}

_WRITABLE: Final = (
    "Make it writable for yourself, or set XDG_STATE_HOME to a folder that is. Until then {all}"
)
_ALL: Final = "all works, but every OpenCode asks the gateways for itself, and forgets at its end."

_STORE: Final[dict[StoreTrouble, tuple[str, str]]] = {
    "no_folder": ("The folder of {file} can't be made, or not be written into", _WRITABLE.format(all=_ALL)),
    "read_only": ("{file} can't be written", _WRITABLE.format(all=_ALL)),
    "damaged": (
        "{file} is damaged",
        "Nothing to do: whoever uses it next sets it aside and saves what can be read. "
        "If it comes again, check the disk.",
    ),
    "newer": (
        "{file} was written by a newer version",
        "Update this one; until then it keeps its state in memory.",
    ),
    "busy": ("{file} is locked by another program", "End what keeps it open, or wait."),
    "refused": (
        "{file} can't be used: {reason}",
        "Check the disk's free space and the folder's permissions.",
    ),
}


def find(report: DoctorReport) -> tuple[Finding, ...]:
    """Return every problem that *report* shows."""
    return tuple(finding for rule in _RULES for finding in rule(report))


def worth_knowing(report: DoctorReport) -> tuple[Finding, ...]:
    """Return what somebody may want to change although nothing is wrong."""
    return (*doctor_installed.notes(report), *_nothing_configured(report))


def _program(report: DoctorReport) -> Iterator[Finding]:
    if report.host.trouble:
        what, cure = _PROGRAM[report.host.trouble]
        yield Finding(what.format(program=report.host.program), cure)
    version = report.host.version or ""
    if hosts.is_too_old(version):
        yield Finding(_TOO_OLD.format(version=version), _NEWER.format(oldest=hosts.OLDEST))


def _plugin(report: DoctorReport) -> Iterator[Finding]:
    host = report.host
    if not host.plugins:
        yield Finding(
            "OpenCode doesn't load the plugin: no global configuration names it",
            f"Add this to {host.config_file}, and restart OpenCode.",
            paste=f'"plugin": ["{host.wanted}"]',
        )
    for plugin in host.plugins:
        if plugin.trouble:
            yield _of_plugin(plugin, plugin.trouble, host.wanted)


def _of_plugin(plugin: PluginReport, trouble: PluginTrouble, wanted: str) -> Finding:
    what, cure = _PLUGIN[trouble]
    paste = f'"plugin": ["{wanted}"]' if trouble == "no_folder" else None
    return Finding(what.format(file=plugin.file, spec=plugin.spec), cure, paste=paste)


def _configuration(report: DoctorReport) -> Iterator[Finding]:
    """Tell each file's mistakes together."""
    own = (preset.problem for preset in report.presets if preset.problem)
    by_file: dict[str, list[str]] = {}
    for problem in dict.fromkeys([*report.config_problems, *own]):
        by_file.setdefault(problem.file, []).append(_place(problem))
    for file, details in by_file.items():
        things = "One thing" if len(details) == 1 else f"{len(details)} things"
        yield Finding(
            f"{things} to mend in {file}",
            "Correct it there; it is read anew at every command.",
            tuple(details),
        )


def _place(problem: ProblemReport) -> str:
    where = [f"line {problem.line}"] if problem.line else []
    where += [problem.path] if problem.path else []
    return f"{', '.join(where)}: {problem.message}" if where else problem.message


def _nothing_configured(report: DoctorReport) -> Iterator[Finding]:
    is_heard = any(row.heard_by for row in report.providers)
    if report.gateways or report.config_problems or report.switched_off or is_heard:
        return
    fits = next((row for row in report.providers if row.preset), None)
    entry = f'"providerId": "{fits.provider_id}", "preset": "{fits.preset}"' if fits else ""
    yield Finding(
        "No gateway is configured, and nothing is known of what is left anywhere",
        f"To be told, write into {report.config_file}"
        + (":" if fits else ", with the id of a provider of OpenCode:"),
        paste=f'{{ "gateways": [{{ {entry or _EXAMPLE} }}] }}',
    )


_EXAMPLE: Final = '"providerId": "my-gateway", "quotaPath": "/quota"'


def _virtual_models(report: DoctorReport) -> Iterator[Finding]:
    names = report.enabled_providers
    if report.virtual_models and names is not None and ROUTER not in names:
        listed = ", ".join(f'"{name}"' for name in (*names, ROUTER))
        yield Finding(
            f"OpenCode doesn't offer {ROUTER}: `enabled_providers` leaves it out",
            "Add it in the global opencode.json, and restart OpenCode:",
            paste=f'"enabled_providers": [{listed}]',
        )
    for model in report.virtual_models:
        if model.is_listed and len(model.usable) < FEWEST:
            left = f"only {model.usable[0]}" if model.usable else "no target"
            yield Finding(
                f"{ROUTER}/{model.id} has nothing to choose from: {left} can be used",
                "List another target of it in virtualModels, or mend what keeps one out.",
                tuple(f"{target}: {why}" for target, why in model.out.items()),
            )


def _gateways(report: DoctorReport) -> Iterator[Finding]:
    for gateway in report.gateways:
        if gateway.failure:
            failure = gateway.failure
            told = fetch_failure(failure.kind, failure.status, has_key=not gateway.wants_key)
            # What follows is the cure in short, for a report with less room.
            yield Finding(
                f"{title(gateway.label, gateway.provider_id)}: {told.partition('; ')[0]}",
                fetch_cure(failure.kind, failure.status, gateway.wants_key),
            )


def _store(report: DoctorReport) -> Iterator[Finding]:
    store = report.store
    if store.trouble:
        what, cure = _STORE[store.trouble]
        yield Finding(what.format(file=store.file, reason=store.reason), cure)
    if store.is_open_to_others:
        folder = store.file.rpartition("/")[0]
        yield Finding(
            f"Other users can look into {folder} (folder {store.folder_mode}, file {store.file_mode})",
            "Close it to them:",
            paste=f"chmod -R go= {folder}",
        )


def _log(report: DoctorReport) -> Iterator[Finding]:
    if count := report.log.failures_last_hour:
        times = "once" if count == 1 else f"{count} times"
        yield Finding(
            f"The sidecar failed {times} in the last hour",
            f"The lines under Log, and the files in {report.log.folder}, say why. "
            "If they don't help, report it with this page.",
        )


_RULES: Final[tuple[Callable[[DoctorReport], Iterator[Finding]], ...]] = (
    _program, _plugin, doctor_installed.problems, _configuration, _virtual_models, _gateways, _store, _log,
)  # fmt: skip
