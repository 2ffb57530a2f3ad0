"""Searching in a conversation: where the words stand in the source, and where on drawn lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.core.conversation import Message
from tui.widgets.markdown_page import Line

Spans = dict[int, list[tuple[int, int]]]
"""By number of the line: first and last character (exclusive) of its strip's text."""


class Hit(NamedTuple):
    """Where the words stand: number of the message, offset in its text."""

    message: int
    offset: int


def pattern_of(words: str) -> re.Pattern[str] | None:
    """What is looked for: without regard to case, any white space between the words; None where nothing is."""
    parts = words.split()
    return re.compile(r"\s+".join(map(re.escape, parts)), re.IGNORECASE) if parts else None


def hits_in(messages: Sequence[Message], pattern: re.Pattern[str]) -> list[Hit]:
    """All hits, from the first message to the last."""
    return [
        Hit(number, found.start())
        for number, message in enumerate(messages)
        for found in pattern.finditer(message.text)
    ]


def spans_of(lines: Sequence[Line], pattern: re.Pattern[str]) -> tuple[Spans, list[int]]:
    """Where the words stand on the drawn lines of a piece, over the ends of rows too; and the line of each hit."""
    text = ""
    begins: list[int] = []
    for line in lines:
        begins.append(len(text))
        text += line.strip.text[line.start : line.end] + line.glue
    spans: Spans = {}
    first_lines: list[int] = []
    number = 0
    for found in pattern.finditer(text):
        while number + 1 < len(begins) and begins[number + 1] <= found.start():
            number += 1
        first_lines.append(number)
        for at in range(number, len(lines)):
            if begins[at] >= found.end():
                break
            line = lines[at]
            start = max(found.start() - begins[at], 0) + line.start
            end = min(found.end() - begins[at] + line.start, line.end)
            if start < end:
                spans.setdefault(at, []).append((start, end))
    return spans, first_lines


def lit(strip: Strip, spans: Sequence[tuple[int, int]], style: Style) -> Strip:
    """The strip with these stretches of its text in a style."""
    segments: list[Segment] = []
    at = 0
    for text, base, control in strip:
        stop = at + len(text)
        here = at
        for start, end in spans:
            a, b = max(start, here), min(end, stop)
            if a >= b:
                continue
            if a > here:
                segments.append(Segment(text[here - at : a - at], base))
            segments.append(Segment(text[a - at : b - at], base + style if base else style))
            here = b
        if here < stop or not text:
            segments.append(Segment(text[here - at :], base, control))
        at = stop
    return Strip(segments, strip.cell_length)
