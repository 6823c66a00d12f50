"""What the host shows of us while no sidecar can speak: command descriptions and reasons with cures."""

from typing import Final

from sidecar.host_json import HostCommand, HostFile, HostProblem, HostProblems, HostTexts
from sidecar.texts.preparation import INSTALLERS, NEWER_INSTALLERS, TROUBLES


def _trouble(kind: str) -> HostProblem:
    reason, cure = TROUBLES[kind]
    return HostProblem(reason=reason, cure=cure)


HOST_FILE: Final = HostFile(
    commands={
        "quota_status": HostCommand(description="What is left everywhere: [provider] [refresh]"),
        "rate_limit_status": HostCommand(description="Who has to wait, and until when: [provider]"),
        "route": HostCommand(description="Where turns go, and why: [model | why | off | on]"),
        "rate_limit_reset": HostCommand(description="Forget waits and today's counts: [provider]"),
    },
    texts=HostTexts(
        down=(
            "The quota sidecar can't answer. Your chat goes on as if it weren't installed.\n\n"
            "    Why:  {reason}\n"
            "    Cure: {cure}\n"
            "    Log:  {log}"
        ),
        not_routed="Nobody can say where limit-router sends this. {reason} {cure}",
        router="Limit router",
        not_prepared="{reason} {cure}",
        not_updated="Version {version} could not be set up; the one before goes on. {reason} {cure}",
        prepared="All is set up. /quota_status says what is left.",
        updated="Now at version {version}.",
        installers=INSTALLERS,
        newer_installers=NEWER_INSTALLERS,
        problems=HostProblems(
            not_found=HostProblem(
                reason="There is no program to start: looked for {detail}.",
                cure="Run `make setup` in the checkout, then restart OpenCode.",
            ),
            not_started=HostProblem(
                reason="The operating system refused to start it: {detail}.",
                cure="Restart OpenCode; if the plugin was given a command of your own, check that first.",
            ),
            starting=HostProblem(
                reason="It is still starting.",
                cure="Ask again in a few seconds.",
            ),
            exited=HostProblem(
                reason="It ended ({detail}) and will be started again.",
                cure="Ask again in half a minute; if it keeps ending, the log's last lines say why.",
            ),
            no_answer=HostProblem(
                reason="It runs but doesn't answer, and is being replaced.",
                cure="Ask again in a few seconds; if it stays so, the log's last lines say why.",
            ),
            other_protocol=HostProblem(
                reason="It speaks another version of the protocol ({detail}).",
                cure="Restart OpenCode: an installed plugin brings its own sidecar. In a checkout, run "
                "`make setup` first.",
            ),
            failed=HostProblem(
                reason="It answered with an error: {detail}.",
                cure="Ask again; if it stays so, the log's last lines say why.",
            ),
            preparing=HostProblem(
                reason="It is being set up, which is done once, mostly in less than a minute.",
                cure="Ask again in a few seconds; a note says when it is done.",
            ),
            no_python=_trouble("noPython"),
            old_python=_trouble("oldPython"),
            no_venv=_trouble("noVenv"),
            no_index=_trouble("noIndex"),
            no_packages=_trouble("noPackages"),
            not_writable=_trouble("notWritable"),
            disk_full=_trouble("diskFull"),
            not_prepared=_trouble("notPrepared"),
        ),
    ),
)
