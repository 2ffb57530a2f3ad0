"""The conversations as they are kept: listed, searched, opened, changed, written to files and read from them.

A private conversation is kept in a database in memory that ends with the process; everything else about it is the same.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never

from msgspec.structs import replace

from tui.config_file import ConfigError
from tui.core.commands import (
    DeleteConversation,
    DeleteMessages,
    ExportConversations,
    ForkConversation,
    ImportConversations,
    PinConversation,
    RenameConversation,
    SaveConversation,
    ShowBranch,
)
from tui.core.events import ConversationOpened, ConversationSaved, ConversationsListed, MessagesFound, Noticed
from tui.database import chats, turns
from tui.database.recovery import recover
from tui.database.search import search, search_titles
from tui.folders import absolute, make_private
from tui.openrouter.text import Clean, clean_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tui.core.conversation import SearchHit
    from tui.core.foreign_chats import Imported
    from tui.worker.context import WorkerContext

ChatCommand: TypeAlias = (
    DeleteConversation
    | DeleteMessages
    | ExportConversations
    | ForkConversation
    | ImportConversations
    | PinConversation
    | RenameConversation
    | SaveConversation
    | ShowBranch
)
_FOLLOWED: Final = 8
"""How many of the conversations that were opened last are read again when another process has written."""
_MOST_HITS: Final = 50
_IMPORTED_AT_ONCE: Final = 200
"""Messages."""


class ChatStore:
    """Carries out what the screens ask of the conversations, and says how they stand then."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self.listed_search: Clean | None = None
        """What the list of conversations was last asked for."""
        self._stamps: dict[str, object] = {}
        """The conversations that were opened last, each with what tells whether it has changed."""
        self._wanted_words: Clean | None = None
        self._streaming: frozenset[str] = frozenset()
        """The listed conversations in which a reply streams, here or elsewhere."""

    async def carry_out(self, command: ChatCommand) -> None:
        """Change what is kept, then say how it stands."""
        context = self._context
        match command:
            case RenameConversation(conversation_id=conversation_id, title=title):
                await context.chats_of(conversation_id).run(chats.rename, conversation_id, title)
                await self.open(conversation_id, quietly=True)
            case PinConversation(conversation_id=conversation_id, pinned=pinned):
                await context.chats_of(conversation_id).run(chats.pin, conversation_id, pinned)
            case DeleteConversation(conversation_id=conversation_id, undo=undo):
                database = context.chats_of(conversation_id)
                if undo:
                    await database.run(chats.undelete, conversation_id)
                else:
                    self._stamps.pop(conversation_id, None)
                    await database.run(chats.delete, conversation_id, time.time())
            case ShowBranch(conversation_id=conversation_id, message_id=message_id, step=step):
                if await context.chats_of(conversation_id).run(chats.step_branch, message_id, step):
                    await self.open(conversation_id)
                else:
                    where = "after" if step > 0 else "before"
                    context.publish(Noticed(Clean(f"There is no branch {where} this one."), "information"))
                return
            case DeleteMessages(conversation_id=conversation_id, message_ids=message_ids):
                database = context.chats_of(conversation_id)
                if command.undo:
                    await database.run(chats.undelete_messages, conversation_id, message_ids)
                else:
                    await database.run(
                        chats.delete_messages, conversation_id, message_ids, command.parent_id, time.time()
                    )
                await self.open(conversation_id)
            case ForkConversation():
                await self._fork(command)
            case SaveConversation():
                await self._save(command)
                return
            case ExportConversations():
                await self._export(command)
                return
            case ImportConversations(path=path):
                await self._import(path)
            case _:
                assert_never(command)
        await self.list()

    async def _fork(self, command: ForkConversation) -> None:
        if command.private:
            self._context.private_ids.add(command.new_id)
        await self._context.chats_of(command.new_id).run(
            turns.fork,
            conversation_id=command.new_id,
            title=command.title,
            settings=command.settings,
            messages=command.messages,
            now=time.time(),
        )
        await self.open(command.new_id)

    async def _save(self, command: SaveConversation) -> None:
        if command.private:
            self._context.private_ids.add(command.conversation_id)
        await self._context.chats_of(command.conversation_id).run(
            turns.save_conversation,
            conversation_id=command.conversation_id,
            title=command.title,
            settings=command.settings,
            draft=command.draft,
            now=time.time(),
        )
        self._context.publish(
            ConversationSaved(command.conversation_id, command.title, command.settings, command.draft)
        )

    # reading

    async def list(self) -> None:
        """Publish the list as it was last asked for; private ones stand before the others."""
        context, words = self._context, self.listed_search
        rows = await context.database.run(chats.list_conversations, search=words)
        if context.private_ids:
            private = await context.private.run(chats.list_conversations, search=words)
            rows = (*(replace(row, private=True) for row in private), *rows)
        self._streaming = frozenset(row.id for row in rows if row.streaming)
        context.publish(ConversationsListed(rows, words))

    async def open(self, conversation_id: str, message_id: str | None = None, *, quietly: bool = False) -> None:
        """Publish a conversation with its messages, on the branch of one of them where that is named.

        `quietly`: only if it was opened before, and no word when it is gone.
        """
        if quietly and conversation_id not in self._stamps:
            return
        database = self._context.chats_of(conversation_id)
        if message_id is not None:
            await database.run(chats.show_message, message_id)
        # Before it is read: what another process writes in between makes it be read once more.
        stamp = await database.run(chats.stamp, conversation_id)
        conversation = await database.run(chats.open_conversation, conversation_id)
        if conversation is None:
            self._stamps.pop(conversation_id, None)
            if not quietly:
                self._context.warn(Clean("That conversation is gone."))
            return
        conversation.private = conversation_id in self._context.private_ids
        self.follow(conversation_id)
        self._stamps[conversation_id] = stamp
        self._context.publish(ConversationOpened(conversation))

    def follow(self, conversation_id: str) -> None:
        """From here on it is read again when it changes by other hands."""
        self._stamps[conversation_id] = self._stamps.pop(conversation_id, None)
        while len(self._stamps) > _FOLLOWED:
            del self._stamps[next(iter(self._stamps))]

    async def look_again(self) -> None:
        """Another process has written: publish the list, and what has changed of the conversations that were opened."""
        await self.list()
        for conversation_id, known in list(self._stamps.items()):
            if await self._context.chats_of(conversation_id).run(chats.stamp, conversation_id) != known:
                await self.open(conversation_id, quietly=True)

    async def close_what_died(self, replying: Mapping[str, str]) -> None:
        """Close the replies of processes that were killed: until then nothing can be sent in their conversations.

        `replying` has the conversations in which this process streams.
        """
        if self._streaming <= replying.keys():
            return
        context = self._context
        closed = await context.database.run(recover, context.settings.folders.run, context.server_now())
        if closed.messages:
            await self.look_again()

    async def search(self, words: Clean) -> None:
        """Publish the messages that have these words; while one search runs, only the latest of others is kept."""
        idle = self._wanted_words is None
        self._wanted_words = words
        if not idle:
            return
        done: Clean | None = None
        try:
            while done != (wanted := self._wanted_words):
                hits = await self._hits(wanted or Clean(""))
                done = wanted
                self._context.publish(MessagesFound(done or Clean(""), hits))
        finally:
            self._wanted_words = None

    async def _hits(self, words: Clean) -> tuple[SearchHit, ...]:
        context = self._context
        databases = (context.private, context.database) if context.private_ids else (context.database,)
        hits: list[SearchHit] = []
        for database in databases:
            hits += await database.run(search_titles, words)
            hits += await database.run(search, words, _MOST_HITS)
        return tuple(hits)

    # files

    async def _export(self, command: ExportConversations) -> None:
        """One conversation at a time, so that what arrives meanwhile is kept in time."""
        from tui.database.chat_files import export_part

        context = self._context
        ids = command.conversation_ids or await context.database.run(chats.all_ids)
        found = [await context.chats_of(each).run(export_part, each, command.kind) for each in ids]
        parts = [part for part in found if part is not None]
        try:
            path = await asyncio.to_thread(self._write, command, parts)
        except (OSError, ValueError, ConfigError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error) if isinstance(error, ConfigError) else ""
            why = why or "the path is not valid"
            context.publish(Noticed(clean_line(f"The export was not written: {why}."), "error"))
            return
        what = "The conversation is" if len(parts) == 1 else f"{len(parts):,} conversations are"
        context.publish(Noticed(clean_line(f"{what} in {_from_home(path)}"), "information"))

    def _write(self, command: ExportConversations, parts: Sequence[dict[str, Any] | str]) -> Path:
        from tui.database.chat_files import export_path, joined_parts, write_new

        body = joined_parts(parts, command.kind)

        folders = self._context.settings.folders
        if command.path:
            path = absolute(Path(command.path))
        else:
            make_private(folders.exports)
            path = export_path(folders.exports, command.title, command.kind, time.time())
        write_new(path, body)
        return path

    async def _import(self, path: str) -> None:
        from tui.database.chat_files import ImportRefused, import_conversations, imported_sentence, read_chats

        try:
            found = await asyncio.to_thread(read_chats, absolute(Path(path)), self._context.settings.secrets())
        except ImportRefused as refused:
            self._context.publish(Noticed(clean_line(f"Nothing was imported: {refused}"), "error"))
            return
        taken = known = 0
        for some in _in_parts(found):
            new, old = await self._context.database.run(import_conversations, some)
            taken, known = taken + new, known + old
        self._context.publish(Noticed(imported_sentence(taken, known), "information"))


def _in_parts(found: Sequence[Imported]) -> Iterator[list[Imported]]:
    """Conversations of some hundred messages together: what arrives meanwhile is kept in time."""
    part: list[Imported] = []
    for one in found:
        part.append(one)
        if sum(len(conversation.messages) for conversation, _ in part) >= _IMPORTED_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _from_home(path: Path) -> str:
    """The path as people write it, `~` for their home."""
    home = os.path.expanduser("~")  # noqa: PTH111 - where there is none, Path.home raises
    text = str(path)
    return f"~{text[len(home) :]}" if text.startswith(home + os.sep) else text
