"""What stands around the text of a message: notes, tool calls, sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from rich.segment import Segment
from rich.style import Style

from tui.core.conversation import Message
from tui.core.receipt_line import receipt_details, receipt_line
from tui.openrouter.chat import Citation, ToolCall
from tui.openrouter.text import clean
from tui.widgets.markdown_inline import LINK, safe_url
from tui.widgets.markdown_kinds import Fence, Kind, Unit
from tui.widgets.markdown_lines import CODE_PIECE_LINES
from tui.widgets.markdown_page import MARGIN, Line, Page, exact
from tui.widgets.markdown_strips import draw_unit
from tui.widgets.markdown_wrap import cells, wrap

_MOST_ARGUMENTS: Final = 20_000
"""Characters of a tool call's arguments that are shown."""


def note(text: str, style: Style, page: Page) -> list[Line]:
    """Wrapped text in one style."""
    lines = []
    for part in text.expandtabs(4).split("\n"):
        rows = wrap(part, page.room)
        for number, row in enumerate(rows):
            said = part[row.start : row.end]
            glue = "\n" if number == len(rows) - 1 else " "
            lines.append(page.line([Segment(said, style)], cells(said), 0, 0, glue))
    return lines


def tool_call(call: ToolCall, page: Page) -> list[Line]:
    """A tool call: its name, and its arguments in a box, set out as JSON where they are some."""
    shown = call.arguments.raw[:_MOST_ARGUMENTS]
    try:
        shown = json.dumps(json.loads(shown), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass  # what a model writes need not be JSON; shown as it came
    lines = note(f"⚙ {call.name}", page.look.name, page)
    source = clean(shown.strip()).split("\n")
    if source in (["{}"], [""]):
        return lines
    fence = Fence("json")
    for start in range(0, len(source), CODE_PIECE_LINES):
        part = source[start : start + CODE_PIECE_LINES]
        unit = Unit(Kind.CODE, 0, 0, "\n".join(part), lines=len(part), fence=fence, piece=start // CODE_PIECE_LINES)
        unit.closes = start + CODE_PIECE_LINES >= len(source)
        lines += draw_unit(unit, page)
    return lines


def sources(citations: Sequence[Citation], page: Page) -> list[Line]:
    """Numbered sources with their addresses."""
    lines: list[Line] = []
    for number, citation in enumerate(citations, 1):
        url = citation.url.shown()
        lines += note(f"[{number}] {citation.title}".rstrip(), page.look.dim, page)
        style = page.look.inline(LINK, safe_url(citation.url.raw))
        for start, end in wrap(url, max(4, page.room - 4)):
            segments = [page.look.blank(4), Segment(url[start:end], style)]
            lines.append(page.line(segments, 4 + cells(url[start:end]), 4, 0, ""))
    return lines


def receipt_lines(message: Message, page: Page) -> list[Line]:
    """What the reply came to, and the details behind it or below it, as there is room."""
    line, details = receipt_line(message), receipt_details(message)
    whole = f"{line} · {details}"
    if not details or cells(whole) <= page.room:
        return note(whole if details else line, page.look.dim, page)
    return note(line, page.look.dim, page) + note(details, page.look.dim, page)


def space_below(page: Page) -> list[Line]:
    """The empty line between two messages, without the mark of either."""
    segments = [page.look.blank(MARGIN)]
    return [Line(exact(segments, MARGIN, page.width, page.look.base), MARGIN, MARGIN)]
