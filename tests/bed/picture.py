"""The screen of a terminal as a picture: an SVG that needs nothing else, and colour for a terminal.

Data in, text out: the same cells give the same bytes. Neighbours of one style are one element; blocks and
bars are drawn as shapes, all else is text, and a font that is wider or narrower is made to fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from pyte.screens import Char

from tests.bed.terminal import Row

CELL_W: Final = 8.4
CELL_H: Final = 18
FONT_SIZE: Final = 14
MARGIN: Final = 14
BAR: Final = 30
"""Height of the window's title bar."""

FONTS: Final = "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"

NAMED: Final = {
    "black": "000000",
    "red": "cd3131",
    "green": "0dbc79",
    "brown": "e5e510",
    "blue": "2472c8",
    "magenta": "bc3fbc",
    "cyan": "11a8cd",
    "white": "e5e5e5",
    "brightblack": "666666",
    "brightred": "f14c4c",
    "brightgreen": "23d18b",
    "brightbrown": "f5f543",
    "brightblue": "3b8eea",
    "brightmagenta": "d670d6",
    "brightcyan": "29b8db",
    "brightwhite": "ffffff",
}
"""pyte's names of the sixteen colours; all others come as six hex digits."""

Shape = tuple[float, float, float, float]
"""Left, top, width and height of a rectangle in shares of a cell."""

FULL: Final[Shape] = (0, 0, 1, 1)
BLOCK: Final[Shape] = (0, 0.08, 1, 0.84)
"""A full block leaves the line's gap free, as in most terminals: bars below each other stay apart."""

SHAPES: Final[dict[str, Shape]] = {
    "▀": (0, 0, 1, 0.5),
    "┃": (0.4, 0, 0.2, 1),
    "╹": (0.4, 0, 0.2, 0.5),
    "■": (0, 0.3, 1, 0.45),
    "│": (0.45, 0, 0.1, 1),
    "▐": (0.5, 0, 0.5, 1),
    **dict.fromkeys("░▒▓█", BLOCK),
    **{block: (0, 1 - n / 8, 1, n / 8) for n, block in enumerate("▁▂▃▄▅▆▇", 1)},
    **{block: (0, 0.08, n / 8, 0.84) for n, block in enumerate("▏▎▍▌▋▊▉", 1)},
}
"""Characters that are drawn, not written: no font joins them to their neighbours at this line height."""

SHADES: Final = {"░": 0.25, "▒": 0.5, "▓": 0.75}
"""How much of a shaded block is seen."""

DEFAULT_FG: Final = "d0d0d0"
DEFAULT_BG: Final = "0c0c0c"


@dataclass(frozen=True, slots=True)
class Style:
    fg: str
    bg: str
    bold: bool
    italic: bool
    underline: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours in one row that look the same, from cell `x` on."""

    x: int
    cells: tuple[str, ...]
    style: Style

    @property
    def text(self) -> str:
        return "".join(self.cells)


def svg(rows: Sequence[Row], title: str = "") -> str:
    """Draw the screen in a window."""
    columns = max(len(row) for row in rows)
    width, height = columns * CELL_W + 2 * MARGIN, len(rows) * CELL_H + BAR + MARGIN
    back = _commonest_background(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" '
        f'width="{_n(width)}" height="{_n(height)}" role="img" aria-label="{_attribute(title)}">',
        f'<rect width="100%" height="100%" rx="8" fill="#{back}" stroke="#3a3a3a"/>',
        *_window_bar(width, title),
        f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve">',
    ]
    for y, row in enumerate(rows):
        lines += _svg_row(list(runs(row)), BAR + y * CELL_H, back)
    return "\n".join([*lines, "</g>", "</svg>", ""])


def ansi(rows: Sequence[Row]) -> str:
    """Print the screen's colours to a terminal that has true colour."""
    return "\n".join("".join(map(_ansi_run, runs(row))) + "\x1b[0m" for row in rows)


def renamed(rows: Sequence[Row], old: str, new: str) -> list[Row]:
    """Write *new* for *old* wherever it stands in a row, and blanks for what it is shorter."""
    return [_renamed(row, old, new) for row in rows]


def _renamed(row: Row, old: str, new: str) -> Row:
    start = "".join(cell.data or " " for cell in row).find(old)
    if start < 0:
        return row
    end = start + len(old)
    while end < len(row) and row[end].data.strip():  # the rest of the word moves up
        end += 1
    rest = [cell.data for cell in row[start + len(old) : end]]
    text = [*new, *rest, *" " * (len(old) - len(new))]
    return [
        *row[:start],
        *(cell._replace(data=data) for cell, data in zip(row[start:end], text, strict=True)),
        *row[end:],
    ]


def plain(rows: Sequence[Row]) -> str:
    return "\n".join("".join(cell.data for cell in row).rstrip() for row in rows)


def runs(row: Row) -> Iterator[Run]:
    """Merge neighbours of one style; the empty right half of a wide character belongs to its left."""
    x = 0
    for style, cells in groupby(_completed(row), key=lambda cell: cell[1]):
        run = Run(x, tuple(data for data, _ in cells), style)
        yield run
        x += len(run.cells)


def _completed(row: Row) -> Iterator[tuple[str, Style]]:
    style = _style(row[0])
    for cell in row:
        style = _style(cell) if cell.data else style
        yield cell.data, style


def _style(cell: Char) -> Style:
    fg, bg = _hex(cell.fg, DEFAULT_FG), _hex(cell.bg, DEFAULT_BG)
    if cell.reverse:
        fg, bg = bg, fg
    return Style(fg, bg, cell.bold, cell.italics, cell.underscore)


def _hex(colour: str, default: str) -> str:
    return default if colour == "default" else NAMED.get(colour, colour)


def _commonest_background(rows: Sequence[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        for _, style in _completed(row):
            counts[style.bg] = counts.get(style.bg, 0) + 1
    return max(counts, key=lambda colour: (counts[colour], colour))


def _window_bar(width: float, title: str) -> Iterator[str]:
    for at, colour in enumerate(("ff5f57", "febc2e", "28c840")):
        yield f'<circle cx="{MARGIN + 4 + at * 18}" cy="{BAR // 2}" r="5" fill="#{colour}" opacity="0.8"/>'
    yield (
        f'<text x="{_n(width / 2)}" y="{BAR // 2 + 4}" text-anchor="middle" font-size="12" fill="#8a8a8a" '
        f'font-family="system-ui, sans-serif">{escape(title)}</text>'
    )


def _svg_row(row: list[Run], top: int, back: str) -> Iterator[str]:
    for bg, same in groupby(row, key=lambda run: run.style.bg):
        parts = list(same)
        if bg != back:
            yield _rectangle(parts[0].x, sum(len(run.cells) for run in parts), FULL, top, bg)
    for run in row:
        for part in _parts(run):
            shape = SHAPES.get(part.cells[0])
            if shape is None:
                yield _svg_text(part, top)
            else:
                yield from _svg_shapes(part, shape, top)


def _parts(run: Run) -> Iterator[Run]:
    """Split into words and rows of one shape, so that each stays in its column in any font."""
    x = run.x
    for kind, cells in groupby(run.cells, key=_kind):
        part = tuple(cells)
        if kind != " ":
            yield Run(x, part, run.style)
        x += len(part)


def _kind(cell: str) -> str:
    return cell if cell == " " or cell in SHAPES else "text"


def _svg_shapes(run: Run, shape: Shape, top: int) -> Iterator[str]:
    """Draw blocks that touch as one, bars one by one."""
    shade = SHADES.get(run.cells[0], 1)
    if shape[2] == 1:
        yield _rectangle(run.x, len(run.cells), shape, top, run.style.fg, shade)
        return
    for at in range(len(run.cells)):
        yield _rectangle(run.x + at, 1, shape, top, run.style.fg)


def _rectangle(x: int, cells: int, shape: Shape, top: int, colour: str, shade: float = 1) -> str:
    left, upper, width, height = shape
    seen = "" if shade == 1 else f' fill-opacity="{shade}"'
    return (
        f'<rect x="{_left(x + left)}" y="{_n(top + upper * CELL_H)}" width="{_n(cells * width * CELL_W)}" '
        f'height="{_n(height * CELL_H)}" fill="#{colour}"{seen} shape-rendering="crispEdges"/>'
    )


def _svg_text(run: Run, top: int) -> str:
    weight = ' font-weight="bold"' if run.style.bold else ""
    slant = ' font-style="italic"' if run.style.italic else ""
    line = ' text-decoration="underline"' if run.style.underline else ""
    return (
        f'<text x="{_left(run.x)}" y="{top + 14}" textLength="{_n(len(run.cells) * CELL_W)}" '
        f'fill="#{run.style.fg}"{weight}{slant}{line}>{escape(run.text)}</text>'
    )


def _ansi_run(run: Run) -> str:
    fg, bg = (";".join(str(part) for part in bytes.fromhex(c)) for c in (run.style.fg, run.style.bg))
    bold = ";1" if run.style.bold else ""
    return f"\x1b[0{bold};38;2;{fg};48;2;{bg}m{run.text}"


def _left(x: float) -> str:
    return _n(MARGIN + x * CELL_W)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
