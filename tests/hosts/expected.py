"""What can't hold at an OpenCode that lacks something: tests that have to fail there, for a named reason.

A plugin of pytest, which `make test-hosts` loads. A test that passes although its host is said to lack what
it needs fails the run: then the table is wrong.
"""

from typing import Final

import pytest

from sidecar.texts.hosts import LACKS, lacking
from tests.bed.home import Home
from tests.bed.opencode import run_program
from tests.bed.processes import opencode_binary

NEEDS: Final[dict[str, str]] = {
    "test_opencodes_own_command_installs_it": "plugin_command",
    "test_who_follows_the_guide_gets_there_and_back": "plugin_command",
    "test_a_command_in_the_options_counts_in_the_global_file_and_in_no_project": "plugin_options",
    "test_a_summary_of_nothing_but_commands_is_asked_for_without_them": "summaries",
    "test_the_command_for_it_lists_the_models": "models_command",
    "test_when_nobody_is_reached_the_own_provider_is_the_first_to_be_asked_again": "connections",
    "test_signed_thoughts_stay_with_the_host_that_signed_them": "redacted",
    "test_the_program_that_does_one_turn_prints_it_and_ends_with_1": "exit_code",
    "test_run_prints_the_report_and_ends_with_0": "pipes",
    "test_a_fault_in_the_configuration_is_a_toast": "events",
    "test_on_a_screen_of_eighty_columns_no_line_is_broken": "columns",
    "test_a_subagent_whose_providers_are_gone_leaves_its_parent_at_work": "subagents",
}
"""By the test's name: the key of `LACKS`."""


def version_of(program: str) -> str:
    """Ask an OpenCode for its version, in a home of its own."""
    with Home() as home:
        return run_program(home, program, "--version").stdout.strip()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    version = version_of(opencode_binary())
    missing = lacking(version)
    for item in items:
        need = NEEDS.get(item.name)
        if need in missing:
            item.add_marker(pytest.mark.xfail(reason=LACKS[need].words, strict=True))
