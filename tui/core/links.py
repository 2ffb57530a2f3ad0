"""Where one can read more of a model: its page, Hugging Face, and the links of its description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, urlsplit

import msgspec

from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean

_SITE = "https://openrouter.ai"
_LONGEST = 2_000


class Link(msgspec.Struct, frozen=True):
    """Something that a browser can open."""

    label: Clean
    url: Clean
    """http or https, with a host and nobody's name before it."""


@cache
def _marked() -> re.Pattern[str]:
    """A link of Markdown, its address absolute or from the root of the site; an address may hold a pair of brackets."""
    return re.compile(r"\[([^\[\]\n]+)\]\(((?:https?:/)?/(?:[^\s()]|\([^\s()]*\))+)\)")


@cache
def _bare() -> re.Pattern[str]:
    return re.compile(r"(?<![\w(/])https?://[^\s<>()\[\]\"]+")


def model_page(model: Model) -> Clean:
    """The model's page."""
    return Clean(f"{_SITE}/{quote(model.id.raw, safe='/:~', errors='replace')}")


def model_links(model: Model, *, on_openrouter: bool) -> tuple[Link, ...]:
    """All of them, each address once; those that lead to OpenRouter's own site only where the server is OpenRouter."""
    found: dict[str, Link] = {}
    for link in _all(model, on_openrouter):
        if _can_be_opened(link.url):
            found.setdefault(link.url, link)
    return tuple(found.values())


def _all(model: Model, on_openrouter: bool) -> Iterator[Link]:
    if on_openrouter:
        yield Link(Clean("the model's page"), model_page(model))
    if model.hugging_face_id:
        address = f"https://huggingface.co/{quote(model.hugging_face_id, errors='replace')}"
        yield Link(Clean("Hugging Face"), Clean(address))
    for label, address in _marked().findall(model.description):
        if not address.startswith("/"):
            yield Link(Clean(label), Clean(address))
        elif on_openrouter and not address.startswith("//"):
            yield Link(Clean(label), Clean(f"{_SITE}{address}"))
    for address in _bare().findall(_marked().sub(" ", model.description)):
        yield Link(Clean("in the description"), Clean(address.rstrip(".,;:!?'*_`")))


def _can_be_opened(url: str) -> bool:
    """Whether it is a whole address that leads where it seems to."""
    if len(url) > _LONGEST or not url.isprintable() or "\ufffd" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def readable(description: str) -> str:
    """A description as one reads it: a link's address stands behind its words."""
    return _marked().sub(r"\1 (\2)", description)
