"""Writing in the chat: files behind @, long pastes, commands behind /, drafts that last, the quote."""

from __future__ import annotations

import os
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from chat_host import MODELS, PRICED, chat, model, one_turn, queue, screen_text, write
from msgspec.structs import replace
from screen_host import NOW, HandWorker, until
from textual.events import Key, Paste

from tui.config import Settings
from tui.core.commands import Ask, ForkConversation, LoadEstimate, Remember, RenameConversation
from tui.core.conversation import MessageState
from tui.core.events import CatalogueLoaded, EstimateRead
from tui.openrouter.text import Clean, Opaque
from tui.screens.attach_files import as_named, begun_path, named_paths, path_choices
from tui.screens.chat import ChatScreen
from tui.screens.draft_files import kept_attachments
from tui.screens.slash_commands import written_command
from tui.widgets.attachment_row import AttachmentRow

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
KEY = "sk-or-v1-test-key-000000004f2a"
"""The one of `make_settings`."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files in it."""
    here = tmp_path / "here"
    (here / "docs").mkdir(parents=True)
    (here / "notes.md").write_text("# Notes")
    (here / "photo.png").write_bytes(PNG)
    (here / "docs" / "long name.txt").write_text("deep")
    (here / ".hidden").write_text("")
    monkeypatch.chdir(here)
    return here


async def type_in(pilot: Any, text: str) -> None:
    await pilot.press(
        *({" ": "space", "@": "at", "/": "slash", ".": "full_stop", "_": "underscore"}.get(c, c) for c in text)
    )


# files


async def test_a_path_is_completed_and_the_file_attached_and_sent(
    settings: Settings, worker: HandWorker, folder: Path
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await type_in(pilot, "see @no")
        await until(pilot, lambda: screen.composer.is_offering)
        await pilot.press("tab")
        await until(pilot, lambda: screen.composer.attachments)
        assert screen.composer.text == "see "
        await until(pilot, lambda: "▤ notes.md · text · 7 B" in screen_text(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(Ask))
        ask: Ask = worker.sent(Ask)[0]
        content = ask.history[-1].content
        assert isinstance(content, list)
        assert content[1]["text"] == '<file name="notes.md">\n# Notes\n</file>'
        assert screen.composer.attachments == ()
        queue(worker, ask)
        await until(pilot, lambda: "▤ notes.md" in screen_text(pilot))
        assert not screen.query_one(AttachmentRow).display


async def test_a_folder_goes_on_and_a_name_with_spaces_is_quoted(
    settings: Settings, worker: HandWorker, folder: Path
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await type_in(pilot, "@do")
        await until(pilot, lambda: screen.composer.is_offering)
        await pilot.press("tab")
        await until(pilot, lambda: screen.composer.text == "@docs/")
        await until(pilot, lambda: screen.composer.is_offering)
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.composer.attachments)
        assert screen.composer.attachments[0].name == "long name.txt"
        assert screen.composer.text == ""


async def test_files_named_by_hand_go_too(settings: Settings, worker: HandWorker, folder: Path) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, 'what is in @photo.png and @"docs/long name.txt", @somebody?')
        await until(pilot, lambda: worker.sent(Ask))
        assert [part["type"] for part in worker.sent(Ask)[0].history[-1].content] == ["text", "image_url", "text"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./gone.md", "There is no file ./gone.md"),
        ("docs/", "docs is a folder"),
        ("./binary.bin", "neither text nor an image"),
        ("./key.txt", "one of your API keys"),
        ("./pipe.txt", "no regular file"),
        ("./large.txt", "at most 20 MB"),
        ("./empty.txt", "is empty"),
    ],
)
async def test_a_file_that_cannot_go_says_why_and_the_draft_stays(
    settings: Settings, worker: HandWorker, folder: Path, name: str, said: str
) -> None:
    (folder / "binary.bin").write_bytes(b"\0\1\2\3")
    (folder / "key.txt").write_text(f"export KEY={KEY}")
    (folder / "empty.txt").touch()
    with (folder / "large.txt").open("wb") as file:
        file.truncate(20_000_001)
    os.mkfifo(folder / "pipe.txt")
    async with chat(settings, worker) as (pilot, screen):
        screen.attach_path("notes.md")
        await until(pilot, lambda: screen.composer.attachments)
        await write(pilot, screen, f"about @{name}")
        await until(
            pilot, lambda: said in screen_text(pilot).replace("\n", " ").replace("  ", " ") or said in _said(pilot)
        )
        assert not worker.sent(Ask)
        assert screen.composer.text == f"about @{name}"
        assert len(screen.composer.attachments) == 1
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(Ask))
        assert worker.sent(Ask)[0].question.text == f"about @{name}", "sent again it is text"


def _said(pilot: Any) -> str:
    return " ".join(str(toast.message) for toast in pilot.app._notifications)


async def test_a_socket_is_no_regular_file(settings: Settings, worker: HandWorker, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        async with chat(settings, worker) as (pilot, screen):
            screen.attach_path("s")
            await until(pilot, lambda: "no regular file" in _said(pilot))
            assert screen.composer.attachments == ()


async def test_a_long_paste_becomes_a_chip_and_one_with_a_key_does_not(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await type_in(pilot, "why")
        screen.composer.post_message(Paste("x" * 40_000))
        await until(pilot, lambda: screen.composer.attachments)
        assert screen.composer.text == "why"
        await until(pilot, lambda: "▤ pasted text 1 · text · 40 kB" in screen_text(pilot))
        screen.composer.post_message(Paste(f"{KEY}\n" * 600))
        await until(pilot, lambda: "one of your API keys" in _said(pilot))
        assert len(screen.composer.attachments) == 1
        await pilot.press("alt+d")
        await until(pilot, lambda: "pasted text" not in screen_text(pilot))


async def test_a_click_takes_a_file_off_and_a_model_without_eyes_is_named(
    settings: Settings, worker: HandWorker, folder: Path
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        blind = replace(MODELS[0], input_modalities=(Clean("text"),))
        worker.publish(CatalogueLoaded(models=(blind,), fetched_at=0, from_network=True))
        screen.attach_path("photo.png")
        await until(pilot, lambda: "takes no images" in screen_text(pilot))
        await pilot.click(AttachmentRow)
        await until(pilot, lambda: not screen.composer.attachments)


async def test_an_edited_question_comes_back_with_its_files(
    settings: Settings, worker: HandWorker, folder: Path
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.attach_path("photo.png")
        await until(pilot, lambda: screen.composer.attachments)
        ask = await one_turn(pilot, screen, worker, "see", "seen", MessageState.DONE)
        screen.transcript.focus()
        await pilot.press("e")
        await until(pilot, lambda: screen.composer.text == "see")
        assert [one.name for one in screen.composer.attachments] == ["photo.png"]
        await pilot.press("escape")
        assert screen.composer.attachments == ()
        assert ask.question is not None


def test_paths_are_told_from_names() -> None:
    assert named_paths('@somebody and a@b.md (@x.md) @~/x @../y @dir/z "@q" @end.') == ("~/x", "../y", "dir/z")
    assert named_paths('@"a b.md" @a.md @a.md') == ("a b.md", "a.md")
    assert begun_path("see @do") == (4, "do")
    assert begun_path('@"long na') == (0, "long na")
    assert begun_path("mail a@b") is None
    assert begun_path("@done ") is None
    assert as_named("a b") == '@"a b"'


def test_choices_of_a_path(folder: Path) -> None:
    assert [choice.text for choice in path_choices("")] == ["docs/", "notes.md", "photo.png"]
    assert [choice.text for choice in path_choices("O")] == ["docs/", "notes.md", "photo.png"]
    assert [choice.text for choice in path_choices("ph")] == ["photo.png"]
    assert [choice.text for choice in path_choices(".h")] == [".hidden"]
    assert [choice.text for choice in path_choices("docs/")] == ["docs/long name.txt"]
    assert path_choices("nowhere/x") == ()
    (folder / "bad\x1b.txt").write_text("")
    assert [choice.text for choice in path_choices("bad")] == []


# drafts


async def test_a_draft_with_files_lasts_across_a_restart(settings: Settings, worker: HandWorker, folder: Path) -> None:
    async with chat(settings, worker) as (pilot, screen):
        screen.attach_path("photo.png")
        await until(pilot, lambda: screen.composer.attachments)
        screen.composer.text = "half"
        await until(pilot, lambda: worker.sent(Remember))
        await until(pilot, lambda: kept_attachments(settings.folders.drafts, "new"))
        kept = settings.folders.drafts / "new.json"
        assert kept.stat().st_mode & 0o777 == 0o600
    again = HandWorker()
    async with chat(settings, again) as (pilot, screen):
        await until(pilot, lambda: screen.composer.attachments)
        assert screen.composer.attachments[0].name == "photo.png"
        await write(pilot, screen, "go")
        await until(pilot, lambda: again.sent(Ask))
        assert again.sent(Ask)[0].question.attachments[0].name == "photo.png"
        await until(pilot, lambda: not kept.exists())


async def test_each_conversation_has_its_own_files_and_a_full_queue_loses_none(
    settings: Settings, worker: HandWorker, folder: Path
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "answer", MessageState.DONE)
        screen.attach_path("notes.md")
        await until(pilot, lambda: screen.composer.attachments)
        worker.full = True
        await write(pilot, screen, "two")
        await until(pilot, lambda: "Too much is waiting" in _said(pilot))
        assert (screen.composer.text, len(screen.composer.attachments)) == ("two", 1)
        worker.full = False
        await pilot.press("ctrl+n")
        await until(pilot, lambda: not screen.composer.attachments)


def test_a_damaged_draft_file_is_no_draft(tmp_path: Path) -> None:
    (tmp_path / "c1.json").write_text('[{"kind": "text"}]')
    assert kept_attachments(tmp_path, "c1") == ()
    (tmp_path / "c1.json").write_bytes(b"\xff\xfe")
    assert kept_attachments(tmp_path, "c1") == ()
    assert kept_attachments(tmp_path, "../../etc/passwd") == ()


# the past


async def test_up_brings_the_questions_of_this_conversation(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "answer", MessageState.DONE)
        await pilot.press("up")
        assert screen.composer.text == "one"
        await pilot.press("down")
        await pilot.press("ctrl+n")
        await pilot.press("up")
        assert screen.composer.text == "one", "what was sent elsewhere can be sent again"


# commands


async def test_set_and_system_and_model_change_what_is_sent(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "/set temperature 0.2")
        await until(pilot, lambda: screen.settings.parameters.temperature == Decimal("0.2"))
        assert screen.composer.text == ""
        await write(pilot, screen, "/system Be brief.\nVery.")
        await until(pilot, lambda: screen.settings.system == "Be brief.\nVery.")
        await write(pilot, screen, "/model openai/gpt-mini")
        await until(pilot, lambda: screen.settings.model == Opaque("openai/gpt-mini"))
        await write(pilot, screen, "/unset temperature")
        await until(pilot, lambda: screen.settings.parameters.temperature is None)
        few = model("openai/few", supported_parameters=frozenset({Clean("seed")}))
        worker.publish(CatalogueLoaded(models=(*MODELS, few), fetched_at=NOW, from_network=True))
        await write(pilot, screen, "/model openai/few")
        await until(pilot, lambda: screen.settings.model == Opaque("openai/few"))
        await write(pilot, screen, "/set top_p 0.5")
        await until(pilot, lambda: screen.settings.parameters.top_p == Decimal("0.5"))
        await until(pilot, lambda: "not sent" in screen_text(pilot))
        assert not worker.sent(Ask)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/set temperature 9", "temperature takes a number"),
        ("/set temprature 1", "no parameter 'temprature'"),
        ("/set seed", "needs a value"),
        ("/model llama", "models have 'llama' in the name"),
        ("/model nothing-like-it", "No model has"),
        ("/title", "names a conversation that has messages"),
        ("/attach", "/attach PATH"),
    ],
)
async def test_a_command_that_cannot_be_says_why_and_stays(
    settings: Settings, worker: HandWorker, text: str, said: str
) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, text)
        await until(pilot, lambda: said in _said(pilot))
        assert screen.composer.text == text
        assert not worker.sent(Ask)


async def test_what_is_no_command_is_sent_the_second_time(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await write(pilot, screen, "/shrug it")
        await until(pilot, lambda: "There is no command /shrug" in _said(pilot))
        assert not worker.sent(Ask)
        await pilot.press("enter")
        await until(pilot, lambda: worker.sent(Ask))
        await until(pilot, lambda: screen.composer.text == "")
        assert worker.sent(Ask)[0].question.text == "/shrug it"


def test_a_path_at_the_beginning_is_no_command() -> None:
    assert written_command("/usr/bin is full") is None
    assert written_command("// comment") is None
    assert written_command("/set  top_p  0.9 ") == ("set", "top_p  0.9")
    assert written_command("/new") == ("new", "")


async def test_commands_and_their_words_are_completed(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await type_in(pilot, "/se")
        await until(pilot, lambda: screen.composer.is_offering)
        await pilot.press("tab")
        await until(pilot, lambda: screen.composer.text == "/set ")
        await until(pilot, lambda: screen.composer.is_offering)
        await type_in(pilot, "tem")
        await until(pilot, lambda: screen.composer.offered and len(screen.composer.offered.choices) == 1)
        await pilot.press("tab")
        await until(pilot, lambda: screen.composer.text == "/set temperature ")
        screen.composer.put("/model mini")
        await until(pilot, lambda: screen.composer.is_offering)
        await pilot.press("tab")
        await until(pilot, lambda: screen.composer.text == "/model openai/gpt-mini ")
        screen.composer.put("/model mini")
        await until(pilot, lambda: screen.composer.is_offering)
        screen.composer.post_message(Key("i", "i"))
        screen.composer.post_message(Key("tab", None))
        await until(pilot, lambda: screen.composer.text == "/model minii")
        await pilot.pause()
        assert screen.composer.text == "/model minii", "what was offered for the word before is not taken"


async def test_new_and_title_and_chats_do_what_their_keys_do(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await one_turn(pilot, screen, worker, "one", "answer", MessageState.DONE)
        await write(pilot, screen, "/title B-trees")
        await until(pilot, lambda: worker.sent(RenameConversation))
        assert worker.sent(RenameConversation)[0].title == "B-trees"
        await write(pilot, screen, "/continue")
        await until(pilot, lambda: "No reply here broke off" in _said(pilot))
        screen.composer.put("")
        await write(pilot, screen, "/fork")
        await until(pilot, lambda: worker.sent(ForkConversation))
        await write(pilot, screen, "/new")
        await until(pilot, lambda: screen.conversation is None)
        await write(pilot, screen, "/fork")
        await until(pilot, lambda: "no message to go on from" in _said(pilot))


# the quote


async def test_the_quote_comes_from_the_models_own_past(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        await until(pilot, lambda: worker.sent(LoadEstimate))
        assert worker.sent(LoadEstimate)[0].model == Opaque("anthropic/claude-haiku")
        await until(pilot, lambda: "for 1.0k tokens" in _border(screen))
        worker.publish(
            EstimateRead(
                model=Opaque("anthropic/claude-haiku"),
                ratio=2.0,
                replies=9,
                median_tokens=200,
                ninety_percent_tokens=900,
            )
        )
        # 0.000001 and 0.000005 USD a token
        await until(pilot, lambda: "+ reply: ~$0.001," in _border(screen) and "9 of 10 ≤ ~$0.0045" in _border(screen))
        screen.composer.put("word " * 500)
        await until(
            pilot,
            lambda: "draft ~501, request ~1.0k" in _border(screen) or "draft ~500, request ~1.0k" in _border(screen),
        )
        await write(pilot, screen, "/set max_tokens 100")
        await until(pilot, lambda: "9 of 10 ≤ ~$0.00051" in _border(screen))


async def test_a_free_model_and_one_of_unknown_price(settings: Settings, worker: HandWorker) -> None:
    async with chat(settings, worker) as (pilot, screen):
        free = model("anthropic/claude-haiku", pricing=replace(PRICED, prompt=Decimal(0), completion=Decimal(0)))
        worker.publish(CatalogueLoaded(models=(free,), fetched_at=0, from_network=True))
        await until(pilot, lambda: "next free" in _border(screen))
        worker.publish(CatalogueLoaded(models=(), fetched_at=0, from_network=True))
        await until(pilot, lambda: "free" not in _border(screen))


def _border(screen: ChatScreen) -> str:
    return str(screen.composer.border_subtitle)
