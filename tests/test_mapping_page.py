"""The page about the mapping language and the README: what they teach works, and nothing is left out."""

import re
import textwrap
import tomllib
from pathlib import Path

from sidecar.quota import presets
from sidecar.quota.functions import MappingFunctions
from sidecar.quota.mapping import Mapping, RequestMapping, WindowMapping
from sidecar.quota.mapping_checks import from_data
from sidecar.texts.pages import in_terminal, mapping_page
from tests.bed.home import Home
from tests.bed.program import run
from tests.mapping_trials import mapped, write


def blocks() -> list[str]:
    """Return the indented blocks of the page, without their indentation."""
    found = re.findall(r"(?:^ {4,}\S.*\n(?:^ *\n(?=^ {4,}\S))?)+", mapping_page(), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def test_every_mapping_on_the_page_works_and_the_first_reads_the_pages_reply(home: Home) -> None:
    mappings = [block for block in blocks() if "[[windows]]" in block]
    for block in mappings:
        from_data(tomllib.loads(block))
    assert len(mappings) == 4
    (reply,) = (block for block in blocks() if block.startswith('{"success"'))
    assert mapped(home, "--mapping", write(home, "mine.toml", mappings[0]), stdin=reply) == [
        {"name": "budget", "unit": "cost", "limit": 10, "used": 2.5, "remaining": 7.5,
         "percent_remaining": 75, "resets_at": "2026-12-01T00:00:00Z", "currency": "USD"},
        {"name": "5h", "unit": "requests", "limit": 200, "used": 50, "remaining": 150,
         "percent_remaining": 75, "period_s": 18000},
        {"name": "7d", "unit": "requests", "limit": 2000, "used": 1, "remaining": 1999,
         "percent_remaining": 99.95, "period_s": 604800},
    ]  # fmt: skip


def test_the_page_names_every_field_and_function_and_help_prints_it(home: Home) -> None:
    page = mapping_page()
    ours = [name.removeprefix("_func_") for name in vars(MappingFunctions) if name.startswith("_func_")]
    fields = {*Mapping.__struct_fields__, *RequestMapping.__struct_fields__, *WindowMapping.__struct_fields__}
    assert {name for name in {*fields, *ours} if not re.search(rf"`[^`]*\b{name}\b", page)} == set()
    assert f"\n\n{in_terminal(page)}\nExamples:\n" in run(home, "map", "--help").stdout


def test_tables_stand_in_a_terminal_as_lists_and_no_line_of_the_page_is_too_wide() -> None:
    page = in_terminal(mapping_page())
    assert [line for line in page.splitlines() if len(line) > 80 or line.startswith("|")] == []
    assert (
        """\
## Requests

`path` (default: `/quota`)
    appended to the base URL's path (`https://gw/v1` + `/quota`); after `//` to
    its origin (`//quota` is `https://gw/quota`)
`method` (default: `GET`)
    or `POST`
"""
        in page
    )
    assert '\n`headers`\n    more headers: `headers = { x-version = "2" }`\n' in page


def test_the_readme_names_every_preset() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    section = readme[readme.index("### Presets") : readme.index("### A gateway that no preset knows")]
    assert set(presets.names()) - set(re.findall(r"`([a-z0-9-]+)`", section)) == set()
