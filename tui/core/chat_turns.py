"""The moves of a chat as commands: send, send again, the same with another model or provider."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from tui.core.commands import Ask, DeleteMessages, ForkConversation
from tui.core.conversation import Attachment, Conversation, ConversationSettings, Message
from tui.core.remedies import Remedy, RemedyKind
from tui.core.requests import request_messages, title_from
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, clean

if TYPE_CHECKING:
    from tui.config import ChatDefaults

CARRY_ON: Final = Clean("Continue exactly where you stopped, without repeating anything.")
_FEWER_TOKENS_FROM: Final = 2_048


def first_settings(defaults: ChatDefaults) -> ConversationSettings:
    """What a new conversation starts with by the configuration; its model is chosen later."""
    return ConversationSettings(
        system=clean(defaults.system),
        parameters=ChatParameters(
            temperature=_decimal(defaults.temperature),
            top_p=_decimal(defaults.top_p),
            max_tokens=defaults.max_tokens,
            stop=tuple(defaults.stop),
            user=defaults.user,
        ),
    )


def _decimal(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


def send(
    conversation: Conversation | None,
    conversation_id: str,
    settings: ConversationSettings,
    text: Clean,
    *,
    now: float,
    attachments: tuple[Attachment, ...] = (),
    private: bool = False,
) -> Ask:
    """A new question at the end of the conversation (None: its first)."""
    messages = conversation.messages if conversation else []
    parent = messages[-1].id if messages else None
    question = Message(
        id=uuid.uuid4().hex,
        conversation_id=conversation_id,
        parent_id=parent,
        role="user",
        text=text,
        created_at=now,
        attachments=attachments,
    )
    return Ask(
        conversation_id=conversation_id,
        reply_id=uuid.uuid4().hex,
        settings=settings,
        history=request_messages(settings, messages, text, attachments),
        question=question,
        parent_id=question.id,
        title=conversation.title if conversation else title_from(text or (attachments[0].name if attachments else "")),
        private=private if conversation is None else conversation.private,
    )


def carry_on(conversation: Conversation, settings: ConversationSettings, *, now: float) -> Ask:
    """Have a reply that was stopped or cut off continued, as a question of its own: no provider can simply go on."""
    return send(conversation, conversation.id, settings, CARRY_ON, now=now, private=conversation.private)


def send_edited(
    conversation: Conversation,
    edited: Message,
    settings: ConversationSettings,
    text: Clean,
    *,
    now: float,
    attachments: tuple[Attachment, ...] = (),
) -> Ask:
    """Another question in the place of an earlier one; what followed that stays as a branch of its own."""
    branch = replace(conversation, messages=conversation.messages[: _place(conversation, edited)])
    ask = send(branch, conversation.id, settings, text, now=now, attachments=attachments, private=conversation.private)
    return replace(ask, replaces=edited.id)


def send_again(conversation: Conversation, reply: Message, settings: ConversationSettings) -> Ask:
    """The same question once more: the new reply takes the place of the old, which stays as a branch."""
    place = _place(conversation, reply)
    return Ask(
        conversation_id=conversation.id,
        reply_id=uuid.uuid4().hex,
        settings=settings,
        history=request_messages(settings, conversation.messages[:place], None),
        question=None,
        parent_id=reply.parent_id,
        title=conversation.title,
        replaces=reply.id,
        private=conversation.private,
    )


def fork(conversation: Conversation, last: Message) -> ForkConversation:
    """A conversation of its own from the messages down to this one; a reply that still grows stays behind."""
    messages = conversation.messages[: _place(conversation, last) + 1]
    return ForkConversation(
        new_id=uuid.uuid4().hex,
        title=conversation.title,
        settings=conversation.settings,
        private=conversation.private,
        messages=tuple(replace(message) for message in messages if not message.state.is_open),
    )


def delete_from(conversation: Conversation, first: Message) -> DeleteMessages:
    """Delete this message and what follows it: an answer without its question would answer something else."""
    place = _place(conversation, first)
    return DeleteMessages(
        conversation_id=conversation.id,
        message_ids=tuple(message.id for message in conversation.messages[place:]),
        parent_id=first.parent_id,
    )


def question_of(conversation: Conversation, message: Message) -> Message | None:
    """The message itself if the user wrote it, else the last one before it that the user wrote."""
    upto = conversation.messages[: _place(conversation, message) + 1]
    return next((one for one in reversed(upto) if one.role == "user"), None)


def reply_to(conversation: Conversation, message: Message) -> Message | None:
    """The message itself if it is a reply, else the first reply below it."""
    below = conversation.messages[_place(conversation, message) :]
    return next((one for one in below if one.role == "assistant"), None)


def _place(conversation: Conversation, wanted: Message) -> int:
    return next(place for place, message in enumerate(conversation.messages) if message.id == wanted.id)


def answer(conversation: Conversation, question: Message, settings: ConversationSettings) -> Ask:
    """Have a question answered that stands there without a reply: one of a fork, or one whose reply was deleted."""
    return Ask(
        conversation_id=conversation.id,
        reply_id=uuid.uuid4().hex,
        settings=settings,
        history=request_messages(settings, conversation.messages[: _place(conversation, question) + 1], None),
        question=None,
        parent_id=question.id,
        title=conversation.title,
        private=conversation.private,
    )


def mended_settings(settings: ConversationSettings, remedy: Remedy, reply: Message) -> ConversationSettings:
    """The settings with what the remedy changes."""
    parameters = settings.parameters
    match remedy.kind:
        case RemedyKind.PAID_TWIN:
            return replace(settings, model=remedy.model)
        case RemedyKind.FEWER_TOKENS:
            fewer = max(16, (parameters.max_tokens or _FEWER_TOKENS_FROM) // 2)
            return replace(settings, parameters=replace(parameters, max_tokens=fewer))
        case RemedyKind.OTHER_PROVIDER:
            provider = reply.receipt.provider if reply.receipt else None
            if provider is None:
                return settings
            return replace(settings, parameters=replace(parameters, provider=_ignoring(parameters.provider, provider)))
        case RemedyKind.AGAIN | RemedyKind.EDIT | RemedyKind.OTHER_MODEL | RemedyKind.CONTINUE | RemedyKind.PARAMETERS:
            return settings


def _ignoring(routing: str | None, provider: Clean) -> str:
    """The routing object with this provider among those to skip; a slug is the name in lower case with hyphens."""
    known = json.loads(routing) if routing else {}
    slug = "-".join(provider.lower().split())
    ignored = [*known.get("ignore", []), slug]
    return json.dumps({**known, "ignore": list(dict.fromkeys(ignored))})
