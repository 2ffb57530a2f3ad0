"""What may be attached to a question, and how it goes into the request."""

from __future__ import annotations

import base64

import pytest
from msgspec.structs import replace

from tui.core.attachments import (
    MOST_BYTES,
    PASTE_BYTES,
    PASTE_LINES,
    AttachmentRefused,
    attachment_from,
    attachment_words,
    content_of,
    is_long_paste,
    missing_modality,
    text_attachment,
)
from tui.core.chat_turns import send, send_again, send_edited
from tui.core.conversation import Conversation, ConversationSettings, Message
from tui.core.requests import image_count
from tui.core.tokens import count_request_tokens
from tui.openrouter.text import Clean, Opaque

KEY = "sk-or-v1-0123456789abcdef"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PDF = b"%PDF-1.7\n" + bytes(range(256))
SETTINGS = ConversationSettings(model=Opaque("a/b"))


def test_the_bytes_tell_the_kind_whatever_the_name_says() -> None:
    assert attachment_from(Clean("x.txt"), PNG, ()).kind == "image"
    assert attachment_from(Clean("x.txt"), b"RIFF\0\0\0\0WEBPVP8 ", ()).content.raw.startswith(
        "data:image/webp;base64,"
    )
    assert attachment_from(Clean("x.png"), "grüße".encode(), ()).content.raw == "grüße"
    assert attachment_from(Clean("x"), "hé".encode("utf-16"), ()).content.raw == "hé"
    pdf = attachment_from(Clean("x"), PDF, ())
    assert pdf.kind == "pdf"
    assert base64.b64decode(pdf.content.raw.partition(",")[2]) == PDF


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02", "neither text nor an image"),
        (b"\xff\xfe\xfd\xfc\xfb", "neither text nor an image"),
        (b"a" * (MOST_BYTES + 1), "at most 20 MB"),
        (b"key: sk-or-v1-0123456789abcdef\n", "one of your API keys"),
        (PDF + b"sk-or-v1-0123456789abcdef", "one of your API keys"),
        ("sk-or-v1-0123456789abcdef".encode("utf-16"), "one of your API keys"),
    ],
)
def test_what_cannot_go_says_why(data: bytes, said: str) -> None:
    with pytest.raises(AttachmentRefused) as refused:
        attachment_from(Clean("notes.md"), data, [KEY])
    assert said in refused.value.sentence
    assert refused.value.sentence.startswith("notes.md ")


def test_a_request_carries_content_parts_as_the_protocol_has_them() -> None:
    files = (
        attachment_from(Clean("p.png"), PNG, ()),
        attachment_from(Clean("d.pdf"), PDF, ()),
        text_attachment(Clean("n.md"), "# Notes", ()),
    )
    ask = send(None, "c", SETTINGS, Clean("What is this?"), now=0, attachments=files)
    content = ask.history[-1].content
    assert isinstance(content, list)
    assert [part["type"] for part in content] == ["text", "image_url", "file", "text"]
    assert content[0]["text"] == "What is this?"
    assert content[1]["image_url"] == {"url": files[0].content.raw}
    assert content[2]["file"] == {"filename": "d.pdf", "file_data": files[1].content.raw}
    assert content[3]["text"] == '<file name="n.md">\n# Notes\n</file>'
    assert ask.question is not None
    assert ask.question.attachments == files
    assert image_count(ask.history) == 1
    assert count_request_tokens(ask.history) > 2_000


def test_later_requests_carry_it_again_and_an_edited_question_its_own() -> None:
    image = attachment_from(Clean("p.png"), PNG, ())
    question = Message(
        id="q", conversation_id="c", parent_id=None, role="user", text=Clean("see"), created_at=0, attachments=(image,)
    )
    reply = replace(question, id="r", role="assistant", attachments=(), parent_id="q")
    conversation = Conversation(id="c", title=Clean("t"), settings=SETTINGS, messages=[question, reply])
    again = send_again(conversation, reply, SETTINGS).history[-1].content
    assert isinstance(again, list)
    assert again[1]["type"] == "image_url"
    assert isinstance(send(conversation, "c", SETTINGS, Clean("more"), now=0).history[0].content, list)
    edited = send_edited(conversation, question, SETTINGS, Clean("see this"), now=0)
    assert edited.history[-1].content == "see this"


def test_a_question_of_attachments_alone_is_named_after_the_first() -> None:
    ask = send(None, "c", SETTINGS, Clean(""), now=0, attachments=(text_attachment(Clean("n.md"), "x", ()),))
    assert ask.title == "n.md"
    assert content_of(Clean(""), ask.question.attachments if ask.question else ()) == [
        {"type": "text", "text": '<file name="n.md">\nx\n</file>'}
    ]


def test_long_pastes_are_told_from_short_ones() -> None:
    assert not is_long_paste("x" * PASTE_BYTES)
    assert is_long_paste("x" * (PASTE_BYTES + 1))
    assert is_long_paste("é" * (PASTE_BYTES // 2 + 1))
    assert not is_long_paste("x\n" * (PASTE_LINES - 1))
    assert is_long_paste("x\n" * PASTE_LINES)


def test_the_words_of_a_chip_and_what_a_model_does_not_take() -> None:
    image = replace(attachment_from(Clean("p.png"), PNG, ()), size=1_400_000)
    assert attachment_words(image) == "▤ p.png · image · 1.4 MB"
    assert missing_modality((image,), ("text",)) == "images"
    assert missing_modality((image,), ("text", "image")) is None
    assert missing_modality((image,), ()) is None
    assert missing_modality((text_attachment(Clean("n"), "x", ()),), ("text",)) is None
