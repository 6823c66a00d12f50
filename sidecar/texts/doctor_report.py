"""The page of `quota-sidecar doctor`: what is there in sections, and the problems last.

It is quiet where all is well. It is read in a terminal, where the end is what one sees, and pasted into
reports of bugs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from sidecar.texts import doctor_installed, hosts
from sidecar.texts.doctor_data import (
    DoctorReport,
    Finding,
    HostReport,
    InstalledReport,
    ProbeReport,
    ProviderReport,
    StoreReport,
)
from sidecar.texts.failures import fetch_failure
from sidecar.texts.figures import age, columns, fit, title, visible, wrap
from sidecar.texts.status_report import key_words

WIDTH: Final = 80
LABEL: Final = 12
GATEWAY: Final = 26
MOST_MODELS: Final = 12

Rows = Iterator[list[str]]


def render(report: DoctorReport) -> str:
    """Return the page in lines of at most `WIDTH` columns; only what is to be copied may be longer."""
    blocks = [
        [_headline(report)],
        ["Program", *_flat(_program(report))],
        ["OpenCode", *_flat(_host(report.host))],
        *([["Installed plugin", *_flat(_installed(report.installed))]] if report.installed else []),
        ["Files", *_flat(_files(report))],
        ["Gateways, asked now", *_flat(_gateways(report))],
        *([["Models of limit-router", *virtual]] if (virtual := _flat(_virtual_models(report))) else []),
        ["Store", *_flat(_store(report.store))],
        ["Log", *_flat(_log(report))],
        *([_notes(report.notes)] if report.notes else []),
        _problems(report.problems),
    ]
    return "\n\n".join("\n".join(visible(line) for line in block) for block in blocks)


def _headline(report: DoctorReport) -> str:
    name = f"quota-sidecar doctor · {datetime.fromtimestamp(report.at, UTC):%Y-%m-%d %H:%M} UTC"
    count = len(report.problems)
    told = f"{_count(count, 'problem')}, at the end" if count else "no problem found"
    return fit(name, WIDTH - columns(told)) + told


def _program(report: DoctorReport) -> Rows:
    program = report.program
    yield _row("sidecar", [program.version, program.folder])
    yield _row("Python", [program.python_version, program.python])
    yield _row("environment", [program.environment or "none: the system's Python"])
    yield _row("packages", [f"{name} {version}" for name, version in program.packages.items()])
    yield _row("platform", [program.platform])
    if program.variables:
        yield _row("variables", list(program.variables))


def _host(host: HostReport) -> Rows:
    if host.program:
        yield _row("program", [f"! {host.trouble}" if host.trouble else host.version or "", host.program])
    else:
        yield _row("program", ["! not found"])
    for at, name in enumerate(hosts.lacking(host.version or "")):
        yield _row("" if at else "it is old", [hosts.LACKS[name].words])
    for plugin in host.plugins:
        yield _row(
            "plugin", [*(["! not usable"] if plugin.trouble else []), plugin.spec, f"in {plugin.file}"]
        )
    if not host.plugins:
        yield _row("plugin", ["! not loaded"])


def _installed(installed: InstalledReport) -> Rows:
    for label, parts in doctor_installed.rows(installed):
        yield _row(label, parts)
    if installed.last and installed.last.at is not None and installed.state != "ready":
        yield _row("last try", [installed.last.kind, installed.last.detail])


def _files(report: DoctorReport) -> Rows:
    for state, label in (("read", "read"), ("not_there", "not there")):
        if names := [row.file for row in report.files if row.state == state]:
            yield _row(label, names)
    for row in report.files:
        if row.state == "refused":
            place = row.file + (f", line {row.line}" if row.line else "")
            yield _row("! refused", [place]) + _row("", [row.reason or ""])
    for preset in report.presets:
        yield _row("own preset" if not preset.problem else "! refused", [preset.name, preset.file])


def _gateways(report: DoctorReport) -> Rows:
    if not report.is_enabled:
        yield ["  none was asked: the plugin is switched off (enabled: false)"]
    elif not report.gateways:
        yield ["  none"]
    for gateway in report.gateways:
        first = f"  {fit(title(gateway.label, gateway.provider_id), GATEWAY)} "
        yield wrap(list(_gateway(gateway)), first, " " * columns(first), WIDTH)
    if report.switched_off:
        yield _row("switched off", list(report.switched_off))
    for provider in report.providers:
        first = f"  {fit(provider.provider_id, GATEWAY)} "
        yield wrap(list(_provider(provider)), first, " " * columns(first), WIDTH)


def _virtual_models(report: DoctorReport) -> Rows:
    for model in report.virtual_models[:MOST_MODELS]:
        first = f"  {fit(model.id, GATEWAY)} "
        parts = [model.strategy, *model.usable, *(f"! {target}: {why}" for target, why in model.out.items())]
        yield wrap(parts, first, " " * columns(first), WIDTH)
    if (more := len(report.virtual_models) - MOST_MODELS) > 0:
        yield [f"  and {more:,} more"]


def _provider(provider: ProviderReport) -> Iterator[str]:
    yield "not configured"
    yield f"key: {provider.key_source}"
    if provider.preset:
        yield f'"preset": "{provider.preset}" fits'
    if provider.heard_by:
        yield "its ordinary answers tell what is left"
    elif not provider.preset:
        yield "no preset is made for it"


def _gateway(gateway: ProbeReport) -> Iterator[str]:
    if gateway.failure:
        status = gateway.failure.status
        told = fetch_failure(gateway.failure.kind, None).partition("; ")[0]
        yield f"! HTTP {status}" if status is not None and gateway.failure.kind == "status" else f"! {told}"
    elif gateway.state == "answers":
        yield f"ok, {_count(gateway.windows or 0, 'window')}"
    else:
        yield _STATES[gateway.state]
    if gateway.latency_ms is not None:
        yield f"{gateway.latency_ms:,.0f} ms"
    yield from key_words(gateway.key)


_STATES: Final = {
    "not_asked": "not asked: ordinary answers carry its figures",
    "switched_off": "not asked",
}


def _store(store: StoreReport) -> Rows:
    state = {"on_disk": "on disk", "not_there": "nothing kept yet", "in_memory": "! in memory only"}[
        store.state
    ]
    yield _row("state", [state, *([store.reason] if store.reason else []), store.file])
    if store.size_bytes is not None:
        opened = [f"open in {_count(store.open_by, 'process')}"] if store.open_by else []
        modes = f"folder {store.folder_mode}, file {store.file_mode}"
        yield _row("file", [_size(store.size_bytes), modes, *opened])
    if store.rows:
        yield _row("rows", [f"{name} {count:,}" for name, count in store.rows.items()])
    if store.set_aside:
        yield _row("set aside", ["damaged, may be removed", *store.set_aside])


def _count(count: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _size(count: int) -> str:
    return f"{count / 1024:,.0f} KiB" if count >= 1024 else f"{count} bytes"


def _log(report: DoctorReport) -> Rows:
    log = report.log
    if not log.files:
        yield _row("folder", ["no files yet", log.folder])
        return
    started = f"{_count(log.starts_last_hour, 'start')} of the sidecar in the last hour"
    yield _row("folder", [_count(log.files, "file"), started, log.folder])
    for line in log.lines:
        when = "" if line.at is None else age(report.at - line.at)
        first = f"  {fit(when, LABEL)} "
        yield wrap([f"{line.file}: {line.text}"], first, " " * columns(first), WIDTH)


def _notes(notes: tuple[Finding, ...]) -> list[str]:
    lines = ["Worth knowing:"]
    for note in notes:
        lines += wrap([f"{note.what}. {note.cure}"], "  - ", "    ", WIDTH)
        lines += [f"    {note.paste}"] if note.paste else []
    return lines


def _problems(problems: tuple[Finding, ...]) -> list[str]:
    if not problems:
        return ["No problem found."]
    lines = [f"{_count(len(problems), 'problem')}:"]
    for number, finding in enumerate(problems, 1):
        first = f"{number:>3}. "
        indent = " " * len(first)
        lines += wrap([finding.what], first, indent, WIDTH)
        for detail in finding.details:
            lines += wrap([detail], f"{indent}- ", f"{indent}  ", WIDTH)
        cure = f"{indent}Cure: "
        lines += wrap([finding.cure], cure, " " * len(cure), WIDTH)
        lines += [" " * len(cure) + finding.paste] if finding.paste else []
    return lines


def _row(label: str, parts: list[str]) -> list[str]:
    first = f"  {fit(label, LABEL)} "
    return wrap([part for part in parts if part], first, " " * columns(first), WIDTH)


def _flat(rows: Rows) -> list[str]:
    return [line for row in rows for line in row]
