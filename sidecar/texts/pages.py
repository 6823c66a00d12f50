"""The longer texts, one Markdown file each beside this one."""

from importlib.resources import files


def mapping_page() -> str:
    """Return the page that teaches the mapping language."""
    return (files("sidecar.texts") / "mapping.md").read_text("utf-8")
