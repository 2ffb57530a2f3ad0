"""What is fuzzed: each takes any bytes, and raises only `AssertionError`s and bugs."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from foreign_bytes import BODIES, unclean
from rich.segment import Segment
from rich.style import Style

from tui import config
from tui.config_file import ConfigError
from tui.core.catalogue_filter import FilterMistake, QueryContext, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex
from tui.core.filter_completion import complete
from tui.openrouter.chat import CitationsArrived, StreamEvent, TextDelta, ToolCallsChanged
from tui.openrouter.decode_account import activity_from, credits_from, generation_from, key_info_from
from tui.openrouter.decode_catalogue import decode_endpoints, decode_models
from tui.openrouter.decode_embeddings import UnreadableVectors, vectors_from
from tui.openrouter.decode_error import error_from_response, error_in_body
from tui.openrouter.decode_providers import decode_providers
from tui.openrouter.errors import ApiError
from tui.openrouter.lenient import NotJson, loads
from tui.openrouter.pages import joined, next_page
from tui.openrouter.sse import EventTooLarge, SseDecoder
from tui.openrouter.stream import ReplyDecoder
from tui.openrouter.text import Clean, Opaque, StreamCleaner, clean
from tui.secret import Secret
from tui.widgets.markdown_page import Page
from tui.widgets.markdown_strips import draw_unit, estimate
from tui.widgets.markdown_units import UnitSplitter
from tui.widgets.transcript_look import Look

KEY = "sk-or-v1-fuzzed-0123456789abcdef"
WIDTHS = (2, 17, 60)
_LOOK = Look(Style(color="white", bgcolor="black"), lambda _: Style(color="white", bgcolor="black"))
_INDEX = CatalogueIndex(decode_models(json.dumps(BODIES["models"]).encode()).models)
_CONTEXT = QueryContext(now=1_800_000_000.0)


def events_of(data: bytes, cuts: tuple[int, ...] = ()) -> tuple[list[StreamEvent], ReplyDecoder]:
    """All events of a stream that the network brings in pieces."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    lines, reply = SseDecoder(), ReplyDecoder(key=Secret(KEY))
    events: list[StreamEvent] = []
    for start, end in pairwise(places):
        events += reply.feed(lines.feed(data[start:end]))
    return events + reply.finish(lines.finish()), reply


def stream(data: bytes) -> None:
    try:
        events, reply = events_of(data)
    except EventTooLarge:
        return
    for event in events:
        if isinstance(event, ToolCallsChanged | CitationsArrived | TextDelta):
            assert not list(unclean(event)), event
    assert not [text for error in [reply.error] if error for text in unclean((error.message, error.advice))]


def models(data: bytes) -> None:
    _decoded(decode_models, data)


def endpoints(data: bytes) -> None:
    _decoded(decode_endpoints, data)


def providers(data: bytes) -> None:
    _decoded(decode_providers, data)


def key(data: bytes) -> None:
    _decoded(key_info_from, data)


def credits_(data: bytes) -> None:
    _decoded(credits_from, data)


def generation(data: bytes) -> None:
    _decoded(lambda body: generation_from(body, Opaque("gen-1")), data)


def activity(data: bytes) -> None:
    _decoded(activity_from, data)


def embeddings(data: bytes) -> None:
    _decoded(lambda body: vectors_from(body, 2, None), data)


def pages(data: bytes) -> None:
    following = next_page(data)
    assert following is None or isinstance(following, str)
    joined([data, data])


def _decoded(decode: Callable[[bytes], Any], data: bytes) -> None:
    try:
        value = decode(data)
    except (ApiError, NotJson, UnreadableVectors) as refused:
        value = str(refused)
    assert not list(unclean(value)), list(unclean(value))


def error(data: bytes) -> None:
    for status in (200, 302, 400, 401, 402, 403, 404, 429, 500, 503, 524):
        headers = {"Retry-After": data[:20].decode("latin-1"), "Location": data[:40].decode("latin-1"), "Date": "x"}
        told = error_from_response(status, headers, data, key=Secret(KEY))
        assert not list(unclean((told.message, told.advice, told.provider)))
        assert KEY not in str(told)
    try:
        inside = error_in_body(loads(data), {}, key=Secret(KEY))
    except NotJson:
        return
    assert inside is None or not list(unclean((inside.message, inside.advice)))


def filter_(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    query = parse(text)
    if isinstance(query, FilterMistake):
        assert not list(unclean(query)), query
    else:
        exact = _INDEX.query(query, SortOrder(), _CONTEXT)
        assert len(exact.rows) <= 2
        _INDEX.fuzzy(query, SortOrder(), _CONTEXT)
        assert query.narrows(query)
    for cursor in range(len(text) + 1)[:40]:
        for choice in complete(text, cursor, _INDEX.vocabulary).choices:
            assert isinstance(parse(complete(text, cursor, _INDEX.vocabulary).applied(text, choice)[0]), object)


def configuration(data: bytes, file: Path) -> None:
    file.write_bytes(data)
    environ = {"A": "\udcff\x1b", "OPENROUTER_API_KEY": KEY, "ORTUI_DATA_DIR": str(file.parent)}
    report = config.check(config_file=file, environ=environ)
    told = [str(problem) for problem in (*report.errors, *report.warnings)]
    try:
        loaded = config.load(config_file=file, environ=environ)
    except ConfigError as refused:
        told.append(str(refused))
        assert report.errors, "loading refuses what checking passed"
    else:
        told += loaded.warnings
        assert KEY not in repr(loaded)
    assert all(KEY not in line and not list(unclean(line)) for line in told), told


def cleaning(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("utf-8", "replace")
    once = clean(text)
    assert clean(once) == once
    assert not any(_is_obeyed(character) for character in once), once
    once.encode()
    for size in (1, 2, 3, 7):
        cleaner = StreamCleaner()
        pieces = [cleaner.feed(text[at : at + size]) for at in range(0, len(text), size)]
        whole = StreamCleaner()
        assert "".join(pieces) + cleaner.finish() == whole.feed(text) + whole.finish()


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _is_obeyed(character: str) -> bool:
    """By a rule of its own: what ECMA-48, Unicode's bidirectional algorithm and UTF-8 say, not the program's table."""
    import unicodedata

    if character in "\n\t":
        return False
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or "TAG " in unicodedata.name(character, "")[:4]
    )


def markdown(data: bytes) -> None:
    text = clean(data.decode("utf-8", "replace"))
    whole = _units(text, len(text) or 1)
    for size in (1, 3, 11):
        pieces = _units(text, size)
        assert len(pieces) == len(whole)
        assert all(one.same_source(other) for one, other in zip(whole, pieces, strict=True))
    for width in WIDTHS:
        page = Page(_LOOK, width, Segment("  ", _LOOK.base))
        for unit in whole:
            assert estimate(unit, page) >= 0
            for line in draw_unit(unit, page):
                assert line.strip.cell_length == width
                assert clean(line.strip.text) == line.strip.text and "\n" not in line.strip.text


def _units(text: Clean, size: int) -> list[Any]:
    splitter = UnitSplitter()
    for at in range(0, len(text), size):
        splitter.feed(text[at : at + size])
        splitter.tail()
    splitter.finish()
    return splitter.units


TARGETS: dict[str, Callable[[bytes], None]] = {
    "activity": activity,
    "cleaning": cleaning,
    "credits": credits_,
    "embeddings": embeddings,
    "endpoints": endpoints,
    "error": error,
    "filter": filter_,
    "generation": generation,
    "key": key,
    "markdown": markdown,
    "models": models,
    "pages": pages,
    "providers": providers,
    "stream": stream,
}
