"""`ortui chats list|show|search|export|import`: conversations as they are kept."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from tui.commands import clicking
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.output import amount, complain, say, timestamp, write_bytes, write_json, write_json_rows, write_table
from tui.core.chat_markdown import markdown
from tui.core.exit_status import GOOD
from tui.core.formats import money
from tui.database import chats
from tui.database.chat_files import (
    LARGEST_OWN,
    ImportRefused,
    export_bytes,
    import_conversations,
    imported_sentence,
    parse_chats,
    read_chats,
    write_new,
)
from tui.database.recovery import recover
from tui.database.search import search as search_messages
from tui.database.thread import Database, StorageFailed
from tui.openrouter.text import clean_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from typing import Concatenate

    from tui.core.conversation import Conversation, ConversationSummary, Message

P = ParamSpec("P")
T = TypeVar("T")

_PAGE = 500
_SHORT_ID = 8


class _Store:
    """The database for the length of one command."""

    def __init__(self, common: CommonOptions) -> None:
        folders = common.settings().folders
        self._database = Database(folders.database)
        self._run_folder = folders.run

    def __enter__(self) -> _Store:
        # Where that cannot be written down now, what a killed process left open is shown as open.
        with contextlib.suppress(StorageFailed):
            self.run(recover, self._run_folder, time.time())
        return self

    def __exit__(self, *_: object) -> None:
        if self._database.notice is not None:
            complain(self._database.notice)
        self._database.close()

    def run(self, unit: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit of work."""
        return self._database.run_sync(unit, *args, **kwargs)

    def summaries(self) -> Iterator[ConversationSummary]:
        """All conversations, page by page."""
        offset = 0
        while page := self.run(chats.list_conversations, limit=_PAGE, offset=offset):
            yield from page
            offset += len(page)

    def conversation(self, wanted: str) -> Conversation:
        """The conversation with this id, or the only one whose id begins so; raises `CommandError`."""
        found = self.run(chats.open_conversation, wanted)
        if found is not None and not found.private:
            return found
        ids = [row.id for row in self.summaries() if row.id.startswith(wanted)]
        if len(ids) != 1 or not wanted:
            what = "Several conversations have ids that begin" if ids else "There is no conversation whose id begins"
            raise CommandError(f"{what} with {clean_line(wanted)!r}: `ortui chats list` names them.")
        opened = self.run(chats.open_conversation, ids[0])
        if opened is None:
            raise CommandError("The conversation has just been deleted.")
        return opened


@clicking.group(name="chats", short_help="List, show, search, export and import conversations.")
def command() -> None:
    """Conversations as they are kept in the database."""


@command.command("list")
@clicking.as_json
@clicking.given
def list_command(common: CommonOptions, as_json: bool) -> int:
    """List the conversations, the latest first."""
    with _Store(common) as store:
        rows = list(store.summaries())
    if as_json:
        write_json_rows([_summary(row) for row in rows])
        return GOOD
    shown = _SHORT_ID if sys.stdout.isatty() else None
    write_table(
        ("Id", "Changed (UTC)", "Messages", "Billed", "Model", "Title"),
        [
            (
                row.id[:shown],
                (timestamp(row.updated_at) or "")[:16].replace("T", " "),
                str(row.message_count),
                money(row.spent_usd),
                row.model or "",
                row.title,
            )
            for row in rows
        ],
        right=frozenset({2, 3}),
    )
    return GOOD


@command.command("show")
@click.argument("conversation_id", metavar="ID")
@clicking.as_json
@clicking.given
def show_command(common: CommonOptions, conversation_id: str, as_json: bool) -> int:
    """Print a conversation; the beginning of its ID is enough."""
    with _Store(common) as store:
        found = store.conversation(conversation_id)
    if as_json:
        write_json(_conversation(found))
    else:
        write_bytes(markdown(found, marked=False).encode())
    return GOOD


@command.command("search")
@click.argument("words", nargs=-1, required=True)
@clicking.as_json
@clicking.given
def search_command(common: CommonOptions, words: tuple[str, ...], as_json: bool) -> int:
    """Find messages that hold all WORDS."""
    with _Store(common) as store:
        hits = store.run(search_messages, " ".join(words))
    if as_json:
        write_json_rows(
            [
                {
                    "conversation_id": hit.conversation_id,
                    "message_id": hit.message_id,
                    "title": hit.title,
                    "role": hit.role,
                    "created_at": timestamp(hit.created_at),
                    "snippet": hit.snippet,
                }
                for hit in hits
            ]
        )
        return GOOD
    shown = _SHORT_ID if sys.stdout.isatty() else None
    write_table(
        ("Id", "Role", "Title", "Text"),
        [(hit.conversation_id[:shown], hit.role, hit.title, hit.snippet) for hit in hits],
    )
    return GOOD


@command.command("export")
@click.argument("conversation_ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Both can be imported; JSON has all branches.",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="A new file, for you alone.")
@clicking.given
def export_command(common: CommonOptions, conversation_ids: tuple[str, ...], kind: str, output: Path | None) -> int:
    """Write conversations (all without an ID) to stdout or FILE."""
    with _Store(common) as store:
        ids = [store.conversation(wanted).id for wanted in conversation_ids]
        body, number = store.run(export_bytes, ids, kind)
    if output is None:
        write_bytes(body)
        return GOOD
    _write_new(output, body)
    complain(f"{number} {'conversation is' if number == 1 else 'conversations are'} in {output}.")
    return GOOD


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@clicking.given
def import_command(common: CommonOptions, file: Path) -> int:
    """Take over conversations from FILE ("-" is stdin).

    That may be what `chats export` writes, JSON (with all branches) or Markdown, ChatGPT's conversations.json, or an
    export of OpenRouter's chatroom. Conversations that are there already are left as they are.
    """
    settings = common.settings()
    try:
        if str(file) == "-":
            with click.open_file("-", "rb") as opened:
                found = parse_chats(opened.read(LARGEST_OWN + 1), "stdin", settings.secrets())
        else:
            found = read_chats(file, settings.secrets())
    except ImportRefused as refused:
        raise CommandError(str(refused)) from None
    with _Store(common) as store:
        settings.folders.ensure()
        say(imported_sentence(*store.run(import_conversations, found)))
    return GOOD


def _write_new(path: Path, body: bytes) -> None:
    try:
        write_new(path, body)
    except FileExistsError:
        raise CommandError(f"{path} exists and is left as it is; name another file.") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        raise CommandError(f"{path} cannot be written: {why}.") from None


def _summary(row: ConversationSummary) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "model": row.model,
        "updated_at": timestamp(row.updated_at),
        "messages": row.message_count,
        "billed": amount(row.spent_usd),
        "pinned": row.pinned,
    }


def _conversation(found: Conversation) -> dict[str, Any]:
    return {
        "id": found.id,
        "title": found.title,
        "model": found.settings.model.shown() if found.settings.model else None,
        "system": found.settings.system,
        "messages": [_message(message) for message in found.messages],
    }


def _message(message: Message) -> dict[str, Any]:
    receipt = message.receipt
    return {
        "id": message.id,
        "role": message.role,
        "text": message.text or message.refusal,
        "state": message.state.value,
        "model": message.model,
        "reasoning": message.reasoning,
        "created_at": timestamp(message.created_at),
        "finish_reason": message.finish_reason,
        "cost": amount(receipt.cost.usd) if receipt else None,
        "cost_kind": receipt.cost.kind.value if receipt else None,
    }
