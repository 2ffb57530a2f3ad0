"""Files that go with a question, and pictures that come back, over real HTTP."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from worker_host import Books

from tui.core.attachments import attachment_from
from tui.core.chat_turns import first_settings, send
from tui.core.commands import LoadEstimate, OpenConversation
from tui.core.conversation import ConversationSettings, MessageState
from tui.core.tokens import count_request_tokens
from tui.openrouter.text import Clean, Opaque
from tui.worker.generated_images import keep_image

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
FILES = (
    attachment_from(Clean("p.png"), PNG, ()),
    attachment_from(Clean("d.pdf"), b"%PDF-1.7\n" + bytes(9_000_000), ()),
    attachment_from(Clean("n.md"), b"# Notes \xe2\x80\xae", ()),
)


async def test_attached_files_are_sent_stored_and_sent_again(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    settings = ConversationSettings(model=Opaque("anthropic/claude-haiku-4.5"))
    ask = send(None, "c-files", settings, Clean("What is in these?"), now=time.time(), attachments=FILES)
    assert host.worker.submit(ask)
    ended = await host.reply(ask, within_s=30)
    assert ended.state is MessageState.DONE
    host.state.open.clear()
    host.worker.submit(OpenConversation(conversation_id="c-files"))
    await host.until(lambda: "c-files" in host.state.open)
    assert host.state.open["c-files"].messages[0].attachments == FILES
    again = host.ask("anthropic/claude-haiku-4.5", "And now?", conversation_id="c-files")
    assert (await host.reply(again, within_s=30)).state is MessageState.DONE
    bodies = [entry["body"] for entry in await Books(demo_server, host.key()).log()]
    kinds = ["text", "image_url", "file", "text"]
    assert [[part["type"] for part in body["messages"][0]["content"]] for body in bodies] == [kinds, kinds]


async def test_private_conversations_store_no_attachment(start_host: Any) -> None:
    host = await start_host()
    settings = first_settings(host.settings.chat)
    settings = ConversationSettings(model=Opaque("demo/plain"), parameters=settings.parameters)
    ask = send(None, "c-private", settings, Clean("x"), now=time.time(), attachments=(FILES[2],), private=True)
    assert host.worker.submit(ask)
    await host.reply(ask)
    assert await host.rows("SELECT * FROM message") == []


async def test_a_private_conversation_saves_no_picture(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/image", private=True)
    await host.reply(ask)
    assert "not saved: the conversation is private" in host.message(ask).text
    assert list(host.settings.folders.exports.iterdir()) == []


async def test_what_replies_teach_is_told_and_read_again(start_host: Any) -> None:
    host = await start_host()
    host.worker.submit(LoadEstimate(model=Opaque("demo/plain")))
    await host.until(lambda: "demo/plain" in host.state.estimates)
    assert host.state.estimates["demo/plain"].median_tokens is None
    ask = host.ask("demo/plain")
    await host.reply(ask)
    await host.until(lambda: host.state.estimates["demo/plain"].replies == 1)
    known = host.state.estimates["demo/plain"]
    receipt = host.message(ask).receipt
    assert known.median_tokens == known.ninety_percent_tokens == receipt.completion_tokens
    assert known.ratio == pytest.approx(receipt.prompt_tokens / count_request_tokens(ask.history))
    assert receipt.quoted_usd is not None


def test_pictures_are_saved_under_a_name_that_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    url = Opaque("data:image/webp;base64," + base64.b64encode(PNG).decode())
    said = keep_image(url, folder, "image-1")
    assert said == f"\n\n[image: image/webp, 48 B, saved as {folder / 'image-1.webp'}]\n"
    assert (folder / "image-1.webp").read_bytes() == PNG
    assert "cannot be read" in keep_image(Opaque("data:image/png;base64,%%%"), folder, "x")
    assert keep_image(Opaque("https://x.test/\x1b"), folder, "x") == "\n\n[image: https://x.test/␛]\n"
    (folder / "file").write_text("")
    assert "not saved: " in keep_image(url, folder / "file", "x")
