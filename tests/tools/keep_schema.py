"""Write down, as SQL text, what a file of each earlier schema version is: `keep_schema.py tests/storage/schemas`.

Versions whose text is there already stay as they are. Run it before a migration is added that changes `_create`.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from tui.database.schema import APPLICATION_ID, MIGRATIONS

# The first version's rows, one of each table that a migration may touch; later versions are made of these.
ROWS = """
INSERT INTO word (id, text) VALUES (1, 'https://openrouter.ai:443'), (2, 'process-1'), (3, 'acme/atlas'), (4, 'Acme');
INSERT INTO word (id, text) VALUES (5, 'account-1'), (6, '…4f2a'), (7, 'conversation-1'), (8, 'stop');
INSERT INTO request (number, id, kind, state, origin, process, created_at, ended_after_ms, account, key_tail, model,
    model_answered, provider, conversation, message_id, reserve_usd, estimate_usd, cost_usd, prompt_tokens,
    completion_tokens, generation_id, tries, status, finish_reason)
VALUES (1, 'request-1', 'chat', 'billed', 1, 2, 1790000000.0, 900, 5, 6, 3, 3, 4, 7, 'reply-1', '0.01', '0.004',
    '0.0031', 12, 34, 'gen-1', 1, 200, 8);
INSERT INTO request (number, id, kind, state, origin, process, created_at, model, reserve_usd, estimate_usd)
VALUES (2, 'request-2', 'chat', 'awaited', 1, 2, 1790000100.0, 3, '0.01', '0.004');
INSERT INTO conversation (number, id, title, head_id, created_at, updated_at)
VALUES (1, 'conversation-1', 'Of trees', 'reply-1', 1790000000.0, 1790000001.0);
INSERT INTO message (number, id, conversation_id, parent_id, role, state, created_at, text)
VALUES (1, 'question-1', 'conversation-1', NULL, 'user', 'done', 1790000000.0, 'Tell me about trees');
INSERT INTO message (number, id, conversation_id, parent_id, role, state, created_at, model, text)
VALUES (2, 'reply-1', 'conversation-1', 'question-1', 'assistant', 'done', 1790000001.0, 'a/b', 'Trees are tall.');
INSERT INTO sheet (id, name, updated_at) VALUES ('sheet-1', 'Fruit', 1790000000.0);
INSERT INTO sheet_text (sheet_id, position, text, label, group_name) VALUES ('sheet-1', 0, 'apple', '', '');
INSERT INTO setting (key, value) VALUES ('theme', '"textual-dark"');
INSERT INTO model_mark (origin, model, used_at, is_favourite)
VALUES ('https://openrouter.ai:443', 'acme/atlas', 1.0, 1);
"""


def text_of(version: int) -> str:
    """The statements that make a file of this version, its rows included."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    MIGRATIONS[0](connection)
    connection.executescript(ROWS)
    for migration in MIGRATIONS[1:version]:
        migration(connection)
    connection.row_factory = None
    # Search tables are made by their own statement; what SQLite keeps below them must not be written by hand.
    lines = [line for line in connection.iterdump() if not _is_of_search(line)]
    search = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'message_search'").fetchone()[0]
    at = next(n for n, line in enumerate(lines) if line.startswith("CREATE TRIGGER"))
    lines[at:at] = [f"{search};", "INSERT INTO message_search (message_search) VALUES ('rebuild');"]
    beside = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'beside_search'").fetchone()
    if beside is not None:
        assert not connection.execute("SELECT 1 FROM beside_search").fetchall(), (
            "its rows would have to be written, too"
        )
        lines.insert(at, f"{beside[0]};")
    lines += [f"PRAGMA application_id = {APPLICATION_ID};", f"PRAGMA user_version = {version};"]
    return "\n".join(lines) + "\n"


def _is_of_search(line: str) -> bool:
    if line.startswith("CREATE TRIGGER"):
        return False
    return any(
        name in line
        for name in ("message_search", "beside_search", "writable_schema", "sqlite_master", "sqlite_schema")
    )


def main(folder: Path) -> None:
    for version in range(1, len(MIGRATIONS)):
        file = folder / f"version{version}.sql"
        if not file.exists():
            file.write_text(text_of(version), encoding="utf-8")
            sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
