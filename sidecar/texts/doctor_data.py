"""What `quota-sidecar doctor` finds out, as data; never a part of a key. Absent is unknown."""

from typing import Literal

from msgspec import Struct

from sidecar.core.choose import Strategy
from sidecar.texts.status_report import FailureReport, KeyReport, ProblemReport


class ProgramReport(Struct, frozen=True, omit_defaults=True):
    """This program and what it runs on."""

    version: str
    folder: str
    """Where the package lies."""
    python_version: str
    python: str
    """The interpreter's path."""
    platform: str
    packages: dict[str, str]
    """Versions of what we depend on, by name; absent where it is not installed as a package."""
    environment: str | None = None
    """The virtual environment's folder; absent: none."""
    variables: tuple[str, ...] = ()
    """Names of those that are set and change where we look or how we ask; never a value."""


ProgramTrouble = Literal["not_found", "not_started", "hangs", "failed", "no_version"]
PluginTrouble = Literal["no_folder", "no_environment", "misspelt", "wrong_key"]


class PluginReport(Struct, frozen=True, omit_defaults=True):
    """An entry of `plugin` that is ours."""

    spec: str
    file: str
    trouble: PluginTrouble | None = None
    is_package: bool = False
    """It is the name of the package, which OpenCode fetches from a registry; else a place."""


class HostReport(Struct, frozen=True, omit_defaults=True):
    """OpenCode, and whether it knows us."""

    config_file: str
    """Where our entry of `plugin` belongs."""
    wanted: str
    """That entry."""
    program: str | None = None
    version: str | None = None
    trouble: ProgramTrouble | None = None
    plugins: tuple[PluginReport, ...] = ()


class PreparationReport(Struct, frozen=True, omit_defaults=True):
    """How the last preparation of an environment ended that an OpenCode has noted."""

    kind: str
    """`made`, `ready`, or a row of `TROUBLES`; `began`: nobody has noted its end."""
    detail: str = ""
    command: str = ""
    at: float | None = None


InstalledState = Literal["no_package", "not_made", "interrupted", "underway", "outdated", "ready"]


class InstalledReport(Struct, frozen=True, omit_defaults=True):
    """What an installed plugin has: its package in OpenCode's cache, and the environment made of it."""

    folder: str
    """Where environments are."""
    state: InstalledState
    is_wanted: bool
    """A configuration names the package."""
    package: str | None = None
    """The folder that it is kept in; absent: OpenCode has not fetched it."""
    package_version: str | None = None
    environment: str | None = None
    version: str | None = None
    """Of the environment."""
    command: str | None = None
    """The program for the user's own terminal."""
    others: tuple[str, ...] = ()
    """Environments of older versions, and unfinished ones, by their names."""
    by_hand: str | None = None
    """What makes the environment in a terminal."""
    last: PreparationReport | None = None


class FileReport(Struct, frozen=True, omit_defaults=True):
    """A file that was looked for."""

    file: str
    state: Literal["read", "not_there", "refused"]
    reason: str | None = None
    line: int | None = None


class PresetReport(Struct, frozen=True, omit_defaults=True):
    """A preset of the user's own."""

    name: str
    file: str
    problem: ProblemReport | None = None
    """Why it is refused; absent: it is fine."""


class ProbeReport(Struct, frozen=True, omit_defaults=True):
    """How a gateway answered just now, and with whose key."""

    provider_id: str
    label: str
    key: KeyReport
    state: Literal["answers", "failed", "not_asked", "switched_off"]
    latency_ms: float | None = None
    windows: int | None = None
    failure: FailureReport | None = None
    wants_key: str | None = None
    """Without a key: the environment variable that it is looked for in first."""


class ProviderReport(Struct, frozen=True, omit_defaults=True):
    """A provider of OpenCode that has a key, and that nobody asks what is left."""

    provider_id: str
    key_source: str
    preset: str | None = None
    """The one that would ask it."""
    heard_by: str | None = None
    """The one that reads its ordinary answers, without any configuration."""


class VirtualModelReport(Struct, frozen=True, omit_defaults=True):
    """A model of limit-router, with the targets that it stands for as `provider/model`."""

    id: str
    strategy: Strategy
    usable: tuple[str, ...] = ()
    out: dict[str, str] = {}
    """Why the others are none."""
    is_listed: bool = False
    """The user has listed it; else it was found."""


StoreTrouble = Literal["no_folder", "read_only", "damaged", "newer", "busy", "refused"]


class StoreReport(Struct, frozen=True, omit_defaults=True):
    """The database, as it would be opened now."""

    file: str
    state: Literal["on_disk", "not_there", "in_memory"]
    """`not_there`: nothing has been kept yet, and it can be; `in_memory`: it can't."""
    trouble: StoreTrouble | None = None
    reason: str | None = None
    """What the system says."""
    size_bytes: int | None = None
    rows: dict[str, int] = {}
    """By table."""
    folder_mode: str | None = None
    file_mode: str | None = None
    """Permissions in octal, like `0600`."""
    is_open_to_others: bool = False
    set_aside: tuple[str, ...] = ()
    """Damaged files that were set aside."""
    open_by: int | None = None
    """How many processes have it open."""


class LogLine(Struct, frozen=True, omit_defaults=True):
    """Something that went wrong."""

    file: str
    text: str
    at: float | None = None
    is_failure: bool = False
    """The sidecar ended, was ended or made a mistake; else it is a warning."""


class LogReport(Struct, frozen=True, omit_defaults=True):
    """The newest log files."""

    folder: str
    files: int = 0
    starts_last_hour: int = 0
    failures_last_hour: int = 0
    lines: tuple[LogLine, ...] = ()
    """The last of level warning or above, oldest first."""
    preparation: PreparationReport | None = None
    """The last that was noted."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """A problem and its cure."""

    what: str
    cure: str
    details: tuple[str, ...] = ()
    paste: str | None = None
    """What the cure says to write, to be copied as it stands."""


class DoctorReport(Struct, frozen=True, omit_defaults=True):
    """Everything that is known, and what is wrong."""

    at: float
    program: ProgramReport
    host: HostReport
    files: tuple[FileReport, ...]
    presets: tuple[PresetReport, ...]
    gateways: tuple[ProbeReport, ...]
    providers: tuple[ProviderReport, ...]
    store: StoreReport
    log: LogReport
    config_file: str
    """Where our own configuration belongs."""
    is_enabled: bool = True
    switched_off: tuple[str, ...] = ()
    config_problems: tuple[ProblemReport, ...] = ()
    virtual_models: tuple[VirtualModelReport, ...] = ()
    """Of the last catalogue that OpenCode told."""
    enabled_providers: tuple[str, ...] | None = None
    """The only providers that OpenCode has; absent: all."""
    installed: InstalledReport | None = None
    """Absent: the plugin runs from a checkout, and never ran otherwise."""
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    """What is worth knowing, and nothing wrong."""
