"""The list of `quota-sidecar presets`."""

from collections.abc import Sequence

from msgspec import Struct


class PresetRow(Struct, frozen=True):
    """A preset, as the list shows it."""

    name: str
    summary: str
    is_own: bool = False
    """A file of the user's."""
    refused: str | None = None
    """Why a file of the user's can't be used."""
    is_undocumented: bool = False
    """Its service doesn't say that it may be asked so."""


def render(rows: Sequence[PresetRow]) -> str:
    """Return one line for each preset; the user's own are marked, and say what is wrong with them."""
    width = max((len(row.name) for row in rows), default=0)
    return "".join(f"{row.name:{width}}  {_about(row)}\n" for row in rows)


def _about(row: PresetRow) -> str:
    if row.refused:
        return f"! {row.refused}"
    marks = (" (undocumented)" if row.is_undocumented else "") + (" (your own)" if row.is_own else "")
    return f"{row.summary or 'no summary'}{marks}"
