"""Files that go with a question: what kind they are, why one cannot go, and how they stand in the request."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterable, Sequence
from typing import Final

from tui.core.conversation import Attachment
from tui.core.formats import file_size
from tui.openrouter.text import Clean, Opaque

MOST_BYTES: Final = 20_000_000
"""Of one file; what a request may hold ends there with most providers."""
PASTE_BYTES: Final = 32_000
PASTE_LINES: Final = 500
"""Pasted text above either goes as an attachment: a text area takes seconds for megabytes."""
_SHORTEST_SECRET: Final = 8
_IMAGES: Final = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_TEXT_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class AttachmentRefused(Exception):
    """A file cannot go; the sentence is for the user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = Clean(sentence)


def attachment_from(name: Clean, data: bytes, secrets: Iterable[str]) -> Attachment:
    """An attachment from a file's bytes, its kind told by them; raises `AttachmentRefused`.

    `secrets` are the configured keys: no file that holds one goes anywhere.
    """
    if not data:
        raise AttachmentRefused(f"{name} is empty: it was not attached.")
    if len(data) > MOST_BYTES:
        raise too_large(name, len(data))
    keys = tuple(secrets)
    if any(_holds(data, key) for key in keys):
        raise holds_key(name)
    if (image := _image_type(data)) is not None:
        return Attachment(kind="image", name=name, content=_data_url(image, data), size=len(data))
    if data.startswith(b"%PDF-"):
        return Attachment(kind="pdf", name=name, content=_data_url("application/pdf", data), size=len(data))
    text = _text_of(data)
    if text is None:
        raise AttachmentRefused(f"{name} is neither text nor an image (PNG, JPEG, WebP, GIF) nor a PDF: not attached.")
    return text_attachment(name, text, keys, size=len(data))


def text_attachment(name: Clean, text: str, secrets: Iterable[str], *, size: int | None = None) -> Attachment:
    """Text as an attachment, a paste for example; raises `AttachmentRefused`."""
    if any(len(key) >= _SHORTEST_SECRET and key in text for key in secrets):
        raise holds_key(name)
    size = len(text.encode("utf-8", "replace")) if size is None else size
    if size > MOST_BYTES:
        raise too_large(name, size)
    return Attachment(kind="text", name=name, content=Opaque(text), size=size)


def too_large(name: Clean, size: int) -> AttachmentRefused:
    """Why a file of that many bytes does not go."""
    return AttachmentRefused(f"{name} has {file_size(size)}; at most {file_size(MOST_BYTES)} can be attached.")


def holds_key(name: Clean) -> AttachmentRefused:
    """Why a file with an API key in it does not go."""
    return AttachmentRefused(f"{name} holds one of your API keys: it was not attached.")


def is_long_paste(text: str) -> bool:
    """Whether pasted text is better attached than written into the draft."""
    if text.count("\n") >= PASTE_LINES:
        return True
    return len(text) > PASTE_BYTES // 4 and len(text.encode("utf-8", "replace")) > PASTE_BYTES


def content_of(text: Clean, attachments: Sequence[Attachment]) -> str | list[dict[str, object]]:
    """What stands in a request's message: the text alone, or content parts ("Messages" in the API reference)."""
    if not attachments:
        return text
    parts: list[dict[str, object]] = [{"type": "text", "text": text}] if text else []
    return parts + [_part(attachment) for attachment in attachments]


def _part(attachment: Attachment) -> dict[str, object]:
    content = attachment.content.raw
    match attachment.kind:
        case "image":
            return {"type": "image_url", "image_url": {"url": content}}
        case "pdf":
            return {"type": "file", "file": {"filename": attachment.name, "file_data": content}}
        case "text":
            return {"type": "text", "text": f'<file name="{attachment.name}">\n{content}\n</file>'}


def attachment_words(attachment: Attachment) -> Clean:
    """`▤ notes.md · text · 12 kB`."""
    kind = {"text": "text", "image": "image", "pdf": "PDF"}[attachment.kind]
    return Clean(f"▤ {attachment.name} · {kind} · {file_size(attachment.size)}")


def missing_modality(attachments: Sequence[Attachment], modalities: Sequence[str]) -> str | None:
    """What of the attachments a model with these input modalities does not take, in words; None = all is well.

    PDFs go to every model: OpenRouter reads them for those that cannot.
    """
    if modalities and "image" not in modalities and any(one.kind == "image" for one in attachments):
        return "images"
    return None


def _holds(data: bytes, key: str) -> bool:
    return len(key) >= _SHORTEST_SECRET and key.encode("utf-8", "surrogatepass") in data


def _image_type(data: bytes) -> str | None:
    for mark, kind in _IMAGES:
        if data.startswith(mark):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _text_of(data: bytes) -> str | None:
    encoding = next((name for mark, name in _TEXT_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _data_url(kind: str, data: bytes) -> Opaque:
    return Opaque(f"data:{kind};base64,{base64.b64encode(data).decode()}")
