"""Conversations as Markdown: written to be read, and read again.

Each conversation and message is announced by a comment that Markdown does not show, so that no heading within a reply
can be mistaken for the next one; files without such comments are read by their headings.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from tui.core.conversation import Conversation, ConversationSettings, Message, MessageState
from tui.core.formats import cost
from tui.openrouter.chat import Role
from tui.openrouter.text import Clean, clean, clean_line

_STATES: Final = {
    MessageState.STOPPED: "stopped",
    MessageState.CUT_OFF: "cut off",
    MessageState.FAILED: "failed",
    MessageState.UNKNOWN: "outcome unknown",
    MessageState.WAITING: "no reply yet",
    MessageState.STREAMING: "still arriving",
}
_LIKE_A_MARK: Final = re.compile(r"^(\\*)<!-- ortui ", re.MULTILINE)
_ESCAPED: Final = re.compile(r"^\\(\\*<!-- ortui )", re.MULTILINE)
_MARK: Final = re.compile(r"^<!-- ortui (system|user|assistant|tool|receipt)((?: [a-z]+=[^ \n]*)*) -->\n", re.MULTILINE)
_BEGINS: Final = "<!-- ortui conversation -->\n"
_BEGINNING: Final = re.compile(rf"(?:^|\n){re.escape(_BEGINS)}")
_UNREAD: Final = "<!-- ortui receipt -->\n"
"""What follows this is not read again."""
_HEADING: Final = re.compile(r"^#{1,4} +(.+?) *#* *$\n?", re.MULTILINE)
_USERS: Final = frozenset({"you", "user", "human", "me", "prompt", "question"})
_REPLIES: Final = frozenset({"assistant", "ai", "bot", "model", "chatgpt", "claude", "response", "answer", "reply"})


def markdown(conversation: Conversation, *, marked: bool = True) -> Clean:
    """The branch that is shown; without marks it is only to be read."""
    parts = [f"{_BEGINS if marked else ''}# {clean_line(conversation.title)}\n"]
    if conversation.settings.system:
        parts.append(_section("system", {}, "System", conversation.settings.system, marked=marked))
    parts.extend(_message(message, marked=marked) for message in conversation.messages)
    return Clean("\n".join(parts))


def _message(message: Message, *, marked: bool) -> str:
    who = "You" if message.role == "user" else message.model or message.role.capitalize()
    state = f" ({_STATES[message.state]})" if message.state in _STATES else ""
    about = {"at": timestamp(message.created_at), "state": message.state.value, "model": message.model or ""}
    text = message.text or message.refusal
    written = _section(message.role, about, f"{clean_line(who)}{state}", text, marked=marked)
    if message.attachments:
        names = ", ".join(clean_line(one.name) for one in message.attachments)
        written = f"{written}\n{_UNREAD if marked else ''}*with {names}*\n"
    if message.role != "assistant":
        return written
    details = [timestamp(message.created_at)]
    if message.receipt is not None:
        details.append(cost(message.receipt.cost))
    if message.failure is not None:
        details.append(clean_line(message.failure.message))
    return f"{written}\n{_UNREAD if marked else ''}*{' · '.join(filter(None, details))}*\n"


def _section(role: str, about: dict[str, str], heading: str, text: str, *, marked: bool) -> str:
    if not marked:
        return f"## {heading}\n\n{text}\n"
    named = "".join(f" {name}={quote(value, safe='/:+')}" for name, value in about.items() if value)
    escaped = _LIKE_A_MARK.sub(r"\\\g<0>", text)
    return f"<!-- ortui {role}{named} -->\n## {heading}\n\n{escaped}\n"


def timestamp(unix: float) -> str:
    """UTC to the second; empty for a time that no calendar has."""
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return ""


def unix_seconds(text: object) -> float:
    """Of an ISO timestamp or a number; 0 where it is neither."""
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < 1e11:
        return float(text)
    try:
        read = datetime.fromisoformat(text) if isinstance(text, str) and len(text) < 64 else None
        return 0.0 if read is None else (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return 0.0


def read_all_markdown(text: str) -> list[Conversation]:
    """The conversations that a Markdown file holds, one after the other."""
    parts = _BEGINNING.split(clean(text))
    return [found for part in parts if (found := read_markdown(part)) is not None]


def read_markdown(text: str) -> Conversation | None:
    """The conversation that a Markdown file of one holds; None where no message can be made out."""
    text = clean(text).removeprefix(_BEGINS)
    conversation = Conversation(id=uuid.uuid4().hex, title=_title(text), settings=ConversationSettings())
    marks = list(_MARK.finditer(text))
    sections = _marked_sections(text, marks) if marks else _headed_sections(text)
    for role, about, body in sections:
        if role == "system":
            system = Clean(f"{conversation.settings.system}\n\n{body}".strip())
            conversation.settings = ConversationSettings(system=system)
        else:
            conversation.messages.append(_read_message(conversation, role, about, body))
    return conversation if conversation.messages else None


def _title(text: str) -> Clean:
    first = re.match(r"\s*# +(.+)", text)
    return clean_line(first[1].strip()[:200]) if first is not None else Clean("Imported")


def _marked_sections(text: str, marks: list[re.Match[str]]) -> list[tuple[Role, dict[str, str], Clean]]:
    found: list[tuple[Role, dict[str, str], Clean]] = []
    for number, mark in enumerate(marks):
        if mark[1] == "receipt":
            continue
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        body = text[mark.end() : end]
        heading = _HEADING.match(body)
        body = body[heading.end() :] if heading is not None else body
        # What the writer put around the text: an empty line before it, a line's end and an empty line behind.
        behind = "\n" if end == len(text) else "\n\n"
        body = body.removeprefix("\n").removesuffix(behind)
        about = dict(pair.split("=", 1) for pair in mark[2].split())
        found.append((mark[1], about, Clean(_ESCAPED.sub(r"\1", body))))  # type: ignore[arg-type]
    return found


def _headed_sections(text: str) -> list[tuple[Role, dict[str, str], Clean]]:
    """By headings that name who speaks; what stands between them is the text."""
    found: list[tuple[Role, dict[str, str], Clean]] = []
    speakers = [(heading, speaker) for heading in _HEADING.finditer(text) if (speaker := _speaker(heading[1]))]
    if "user" not in {role for _, role in speakers}:
        return []
    for number, (heading, role) in enumerate(speakers):
        end = speakers[number + 1][0].start() if number + 1 < len(speakers) else len(text)
        if body := text[heading.end() : end].strip():
            found.append((role, {}, Clean(body)))
    return found


def _speaker(heading: str) -> Role | None:
    name = re.sub(r"[*_:#()\[\]]", " ", heading).strip().casefold()
    first = name.split()[0] if name else ""
    if first in _USERS and len(name.split()) < 4:
        return "user"
    if first == "system" and len(name.split()) < 3:
        return "system"
    # A model's name has a slash and no spaces; a heading of a reply seldom has.
    named = first in _REPLIES or ("/" in first and len(name.split()) < 4)
    return "assistant" if named else None


def _read_message(conversation: Conversation, role: Role, about: dict[str, str], text: Clean) -> Message:
    before = conversation.messages[-1] if conversation.messages else None
    state = about.get("state", "")
    known = MessageState(state) if state in set(MessageState) else MessageState.DONE
    model = clean_line(unquote(about["model"])) if about.get("model") else None
    return Message(
        id=uuid.uuid4().hex,
        conversation_id=conversation.id,
        parent_id=before.id if before is not None else None,
        role=role,
        text=text,
        created_at=unix_seconds(unquote(about.get("at", ""))),
        state=MessageState.CUT_OFF if known.is_open else known,
        model=model,
    )
