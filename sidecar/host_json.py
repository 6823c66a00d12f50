"""`host.json` as data: what the shim knows and says before a sidecar answers, or without one.

The sidecar writes the file, the shim reads it: as much a contract of the two as the wire. This file imports
nothing of ours and holds no behaviour; its words are in `texts/host.py`.
"""

from msgspec import Struct


class HostCommand(Struct, frozen=True, rename="camel"):
    """A slash command that the host should offer."""

    description: str


class HostProblem(Struct, frozen=True, rename="camel"):
    """One way in which there is no sidecar to ask. `{detail}` and `{command}` are replaced."""

    reason: str
    cure: str


class HostProblems(Struct, frozen=True, rename="camel"):
    """Every such way; the shim picks the one that it sees."""

    not_found: HostProblem
    """No command to start it with; `{detail}` is where the shim looked."""
    not_started: HostProblem
    """The operating system refused; `{detail}` is its message."""
    starting: HostProblem
    """Started, not ready within the command's deadline."""
    exited: HostProblem
    """It ended; `{detail}` is the exit code or signal."""
    no_answer: HostProblem
    """It runs and doesn't answer."""
    other_protocol: HostProblem
    """Another major of the protocol; `{detail}` is its version."""
    failed: HostProblem
    """It answered with an error; `{detail}` is that error's message."""
    preparing: HostProblem
    """An installed plugin is making its Python environment."""
    no_python: HostProblem
    """From here on: it can't be made. `{command}` is what mends it, or tries again."""
    old_python: HostProblem
    no_venv: HostProblem
    no_index: HostProblem
    no_packages: HostProblem
    not_writable: HostProblem
    disk_full: HostProblem
    not_prepared: HostProblem


class HostTexts(Struct, frozen=True, rename="camel"):
    """All that the shim ever says by itself."""

    down: str
    """The answer to a command without a sidecar; `{reason}`, `{cure}` and `{log}` are replaced."""
    not_routed: str
    """The answer to a request of a virtual model without a sidecar; `{reason}` and `{cure}` as above."""
    not_prepared: str
    """The toast that an environment can't be made; `{reason}` and `{cure}` are replaced."""
    not_updated: str
    """The same while an older version goes on, and below its `/quota_status`; `{version}` is the new one."""
    prepared: str
    """The toast that the first environment is there."""
    updated: str
    """The toast that the environment of another version has taken its place; `{version}` is replaced."""
    installers: dict[str, str]
    """By a program's name: how its users install Python. The first that is there counts."""
    newer_installers: dict[str, str]
    """The same where the usual one is too old."""
    router: str
    """What the provider of the virtual models is called."""
    problems: HostProblems


class HostModel(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A virtual model, as the host's picker is to offer it; unknown is absent."""

    name: str
    npm: str
    """The package whose wire most of its targets speak."""
    provider_id: str
    """Of the target that a turn goes to while no sidecar can say which is best."""
    model_id: str
    context: float | None = None
    """The least of all targets, in tokens."""
    output: float | None = None
    input_modalities: list[str] | None = None
    """What all targets take."""
    takes_tools: bool | None = None
    takes_temperature: bool | None = None
    reasons: bool | None = None


class HostFile(Struct, frozen=True, rename="camel"):
    """`host.json` in the state directory: written by the sidecar, read by the shim before it has one."""

    commands: dict[str, HostCommand]
    texts: HostTexts
    models: dict[str, HostModel] = {}
    """The virtual models, by id."""
