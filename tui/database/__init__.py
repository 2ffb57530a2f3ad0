"""SQLite: chats, ledger, catalogue snapshots, vectors."""
