"""What others have left on the disk, all of it hostile: a database of an earlier version, files and a configuration."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

from planting_server import ALL, GOOD, MARKUP, PLANTED, SURROGATE, TEXT

from tui.core.conversation import Attachment, ConversationSettings, Failure, Message, MessageState, Receipt
from tui.core.sheets import Sheet
from tui.database import chats, settings_store, sheets
from tui.database.opening import open_database
from tui.openrouter.chat import Citation, ToolCall
from tui.openrouter.text import Clean, Opaque

FIRST_VERSION = Path(__file__).parents[1] / "storage" / "schemas" / "version1.sql"
WORDS_THAT_ARE_SHOWN = (3, 4, 6, 8)
"""A model, a provider, the end of a key and a finish reason, in the ledger of that file."""
DIRTY = Clean(TEXT.replace(SURROGATE, ""))
"""Never cleaned, as only another version can have written it; SQLite takes no lone surrogates."""


def write_database(path: Path, origin: str) -> None:
    """A file of the first version with hostile text in its columns, and rows as if nobody cleaned them."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(FIRST_VERSION.read_text(encoding="utf-8").replace("https://openrouter.ai:443", origin))
    connection.execute("UPDATE conversation SET title = title || ?1, draft = ?1", (DIRTY,))
    connection.execute("UPDATE message SET text = text || ?1, reasoning = ?1, model = ?1", (DIRTY,))
    connection.execute("UPDATE sheet SET name = name || ?", (DIRTY,))
    connection.execute("UPDATE sheet_text SET text = text || ?1, label = ?1, group_name = ?1", (DIRTY,))
    for word in WORDS_THAT_ARE_SHOWN:
        connection.execute("UPDATE word SET text = text || ? WHERE id = ?", (DIRTY, word))
    connection.execute("INSERT INTO model_mark VALUES (?, ?, 1.0, 1)", (origin, f"evil/marked{ALL}"))
    # Spent today, so that it is shown.
    connection.execute("UPDATE request SET created_at = ? WHERE number = 1", (time.time() - 60,))
    connection.close()
    opened = open_database(path, busy_s=1.0)
    assert opened.notice is None and not opened.in_memory
    try:
        _write_whole_rows(opened.connection, origin)
    finally:
        opened.connection.close()
        if opened.use is not None:
            opened.use.release()


def _write_whole_rows(connection: sqlite3.Connection, origin: str) -> None:
    now = time.time()
    settings = ConversationSettings(model=Opaque(GOOD), system=DIRTY)
    chats.create(connection, "evil", title=Clean(f"Evil talk {DIRTY}"), settings=settings, now=now)
    question = Message(
        id="evil-question",
        conversation_id="evil",
        parent_id=None,
        role="user",
        text=Clean(f"Question {DIRTY}"),
        created_at=now,
        attachments=(Attachment(kind="text", name=DIRTY, content=Opaque(DIRTY), size=9),),
    )
    reply = Message(
        id="evil-reply",
        conversation_id="evil",
        parent_id="evil-question",
        role="assistant",
        text=Clean(f"Evil reply {DIRTY}\n\n```{DIRTY}\n{DIRTY}\n```\n\n[{DIRTY}](https://a.test/{DIRTY})"),
        reasoning=DIRTY,
        refusal=DIRTY,
        created_at=now,
        state=MessageState.FAILED,
        model=DIRTY,
        tool_calls=(ToolCall(index=0, id=Opaque(ALL), name=DIRTY, arguments=Opaque(ALL)),),
        citations=(Citation(Opaque(f"https://d.test/{ALL}"), DIRTY),),
        finish_reason=DIRTY,
        failure=Failure(kind="server", message=DIRTY, advice=DIRTY),
        receipt=Receipt(provider=DIRTY, model_answered=DIRTY, generation_id=Opaque(ALL), billing_note=DIRTY),
    )
    for message in (question, reply):
        chats.add_message(connection, message)
    sheet = Sheet(id="evil-sheet", name=Clean(f"Evil sheet {DIRTY}"), texts=(DIRTY, DIRTY), labels=(DIRTY,) * 2)
    sheets.save_sheet(connection, sheet, now)
    sheets.note_used(connection, "evil-sheet", now)
    settings_store.remember(connection, "theme", DIRTY)
    settings_store.remember(connection, f"preset:{DIRTY}", {"temperature": DIRTY})


def write_files(home: Path, data: Path) -> None:
    """Files to attach, import and embed, and prompts; hostile by name, by content, or both."""
    home.mkdir(mode=0o700, exist_ok=True)
    for number, sequence in enumerate(PLANTED.values()):
        name = sequence.replace("/", "").replace("\0", "")
        (home / f"at{number}{name}.txt").write_text(DIRTY.replace("\0", ""), encoding="utf-8")
    with open(os.path.join(os.fsencode(home), b"at-bytes\xff\x9b907;909H.txt"), "wb") as file:
        file.write(b"bytes \xff\x1b[907;909H")
    talk = [
        {"role": "user", "content": f"Imported question {TEXT}"},
        {"role": "assistant", "content": f"Imported {TEXT}"},
    ]
    (home / "import.json").write_text(json.dumps({"title": f"Imported talk {TEXT}", "messages": talk}))
    header = DIRTY.replace('"', "").replace("\r", "").replace("\n", "")
    (home / "texts.csv").write_text(
        f'id,"text {header}",kind\n1,"one {header}","{header}"\n2,"two {header}",x\n', "utf-8"
    )
    prompts = data / "prompts"
    prompts.mkdir(mode=0o700, parents=True)
    name = ALL.replace("/", "").replace("\0", "")[:60]
    (prompts / f"prompt{name}.md").write_text(f"Prompt {{{{word {header}}}}} {header}", encoding="utf-8")


def _yaml(text: str) -> str:
    """The text in double quotes, whatever is in it."""
    return '"' + "".join(one if one.isalnum() and one.isascii() else f"\\U{ord(one):08x}" for one in text) + '"'


def write_config(file: Path, url: str, key: str) -> None:
    """A configuration that is taken, with warnings that quote it; what cannot be printed is taken in free text only."""
    said, marked, unknown = _yaml(DIRTY.replace("\0", "")), _yaml(MARKUP), _yaml("unknown" + ALL)
    file.write_text(
        f"llm_providers:\n  - id: here\n    base_url: {url}\n    api_keys: [{key}]\n    model: {marked}\n"
        f"    ? {unknown}\n    : 1\n"
        f"chat: {{system: {said}, user: {marked}}}\n? {said}\n: {said}\n",
        encoding="utf-8",
    )
    file.chmod(0o600)


BROKEN = {
    "a value": "ui: {{animations: {said}}}\n",
    "a word of a few": "ui: {{theme: {said}}}\n",
    "a field twice": "? {said}\n: 1\n? {said}\n: 2\n",
    "no YAML": "ui: [{said}\n",
    "raw bytes": "ui: {raw}\n",
    "a provider": "llm_providers:\n  - {{id: {said}, type: {said}, base_url: {said}}}\n",
    "a key of the keymap": "keymap:\n  ? {said}\n  : {said}\n",
    "a variable": 'ui: {{theme: "${{{said}}}"}}\nbudget: {{day: {said}}}\n',
}
"""Configurations that are refused, by what is wrong with them."""


def broken_config(kind: str) -> str:
    return BROKEN[kind].format(said=_yaml(DIRTY.replace("\0", "")), raw=DIRTY)
