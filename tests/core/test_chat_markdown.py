"""What is written as Markdown is read again, also where a reply looks like the file's own marks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.core.chat_markdown import markdown, read_all_markdown, read_markdown, unix_seconds
from tui.core.conversation import Attachment, Conversation, ConversationSettings, Message, MessageState, Receipt
from tui.openrouter.text import Clean, Opaque, clean

TEXTS = st.lists(
    st.sampled_from(
        [
            "<!-- ortui conversation -->",
            "<!-- ortui user -->",
            "\\<!-- ortui user at=x -->",
            "## You",
            "# Title",
            "\n",
            "\n\n",
            "a [/b]",
            "*x*",
            " ",
        ]
    ),
    max_size=6,
).map("\n".join)


def talk(*texts: str, system: str = "", title: str = "A talk") -> Conversation:
    messages = [
        Message(
            id=f"m{at}",
            conversation_id="c",
            parent_id=f"m{at - 1}" if at else None,
            role="assistant" if at % 2 else "user",
            text=clean(text),
            created_at=1_786_000_000.0 + at,
            state=MessageState.CUT_OFF if at % 4 == 3 else MessageState.DONE,
            model=Clean("a/model:free (x)") if at % 2 else None,
            receipt=Receipt() if at % 2 else None,
        )
        for at, text in enumerate(texts)
    ]
    return Conversation(
        id="c", title=clean(title), settings=ConversationSettings(system=clean(system)), messages=messages
    )


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_what_is_written_is_read_again(texts: list[str], system: str) -> None:
    known = talk(*texts, system=system)
    read = read_markdown(markdown(known))
    assert read is not None
    assert [(one.role, one.text, one.state, one.model, one.created_at) for one in read.messages] == [
        (one.role, one.text, one.state, one.model, one.created_at) for one in known.messages
    ]
    assert read.settings.system == known.settings.system.strip()
    assert read.title == known.title


@given(st.lists(st.tuples(st.lists(TEXTS, min_size=1, max_size=3), TEXTS), min_size=1, max_size=3))
def test_several_in_one_file_are_read_as_several(talks: list[tuple[list[str], str]]) -> None:
    known = [talk(*texts, system=system, title=f"T {at}") for at, (texts, system) in enumerate(talks)]
    read = read_all_markdown("\n".join(map(markdown, known)))
    assert [(one.title, [message.text for message in one.messages]) for one in read] == [
        (one.title, [message.text for message in one.messages]) for one in known
    ]
    assert [one.settings.system for one in read] == [one.settings.system.strip() for one in known]


def test_a_reply_that_was_still_arriving_is_cut_off_when_it_is_read() -> None:
    known = talk("one", "two")
    known.messages[1].state = MessageState.STREAMING
    read = read_markdown(markdown(known))
    assert read is not None
    assert read.messages[1].state is MessageState.CUT_OFF


def test_files_of_others_are_read_by_their_headings() -> None:
    read = read_markdown(
        "# Trees\n\n## System\nBe brief.\n\n## User\n\nWhat is a tree?\n\n### a/gpt-4o:\n\n## Kinds\n\n\x1b[2JMany.\n"
        "\n#### **You:**\n\nThanks\n"
    )
    assert read is not None
    assert [(one.role, one.text) for one in read.messages] == [
        ("user", "What is a tree?"),
        ("assistant", "## Kinds\n\n␛[2JMany."),
        ("user", "Thanks"),
    ]
    assert (read.title, read.settings.system) == ("Trees", "Be brief.")
    assert [one.parent_id for one in read.messages] == [None, read.messages[0].id, read.messages[1].id]


def test_a_text_without_speakers_is_no_conversation() -> None:
    assert read_markdown("# Notes\n\n## Shopping\n\nmilk") is None
    assert read_markdown("") is None


def test_times_are_read_as_they_come() -> None:
    assert unix_seconds("2026-08-06T07:06:40Z") == unix_seconds("2026-08-06T09:06:40+02:00") == 1_786_000_000.0
    assert unix_seconds("2024-12-25T23:37:07.790Z") == 1735169827.79
    absurd: object
    for absurd in (None, True, -1, 1e300, "yesterday", "9999-99-99", {}):
        assert unix_seconds(absurd) == 0.0


def test_the_names_of_attached_files_are_shown_and_no_text_when_it_is_read() -> None:
    known = talk("look", "yes")
    known.messages[0].attachments = (Attachment(name=Clean("a [/b].txt"), kind="text", content=Opaque("x"), size=1),)
    assert "*with a [/b].txt*" in markdown(known)
    read = read_markdown(markdown(known))
    assert read is not None
    assert [one.text for one in read.messages] == ["look", "yes"]
