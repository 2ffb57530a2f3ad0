BEGIN TRANSACTION;
CREATE TABLE catalogue_difference (id INTEGER PRIMARY KEY, origin TEXT NOT NULL, since REAL NOT NULL, at REAL NOT NULL, moved BLOB NOT NULL);
CREATE TABLE catalogue_visit (origin TEXT NOT NULL, process TEXT NOT NULL, since REAL, began_at REAL NOT NULL, seen_at REAL NOT NULL, PRIMARY KEY (origin, process)) WITHOUT ROWID;
CREATE TABLE catalogue_watch (origin TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE conversation (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL DEFAULT '',
        settings TEXT NOT NULL DEFAULT '{}',
        draft TEXT NOT NULL DEFAULT '',
        head_id TEXT,
        is_pinned INTEGER NOT NULL DEFAULT 0,
        is_private INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        deleted_at REAL
    );
INSERT INTO "conversation" VALUES(1,'conversation-1','Of trees','{}','','reply-1',0,0,1790000000.0,1790000001.0,NULL);
CREATE TABLE conversation_sum (
            conversation INTEGER NOT NULL, origin INTEGER NOT NULL, day INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (conversation, origin, day)
        ) WITHOUT ROWID
        ;
INSERT INTO "conversation_sum" VALUES(7,1,20717,1,0,12,34,0,0,'0.0031','0',0,0,0,'0','0');
CREATE TABLE day_sum (
            origin INTEGER NOT NULL, day INTEGER NOT NULL, account INTEGER NOT NULL, key_tail INTEGER NOT NULL, model INTEGER NOT NULL, provider INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (origin, day, account, key_tail, model, provider)
        ) WITHOUT ROWID
        ;
INSERT INTO "day_sum" VALUES(1,20717,0,0,3,0,1,0,0,0,0,0,'0','0.004',0,0,0,'0','0');
INSERT INTO "day_sum" VALUES(1,20717,5,6,3,4,1,0,12,34,0,0,'0.0031','0',0,0,0,'0','0');
CREATE TABLE day_total (
            origin INTEGER NOT NULL, day INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (origin, day)
        ) WITHOUT ROWID
        ;
INSERT INTO "day_total" VALUES(1,20717,2,0,12,34,0,0,'0.0031','0.004',0,0,0,'0','0');
CREATE TABLE endpoints_reply (
        origin TEXT NOT NULL,
        model NOT NULL,
        body BLOB NOT NULL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (origin, model)
    );
CREATE TABLE estimator (
        origin TEXT NOT NULL,
        model NOT NULL,
        billed REAL NOT NULL,
        estimated REAL NOT NULL,
        samples INTEGER NOT NULL,
        PRIMARY KEY (origin, model)
    ) WITHOUT ROWID
    ;
CREATE TABLE free_allowance (
        account TEXT PRIMARY KEY,
        day INTEGER NOT NULL,
        day_used INTEGER NOT NULL,
        day_limit INTEGER,
        day_limit_told INTEGER,
        minute_limit INTEGER
    ) WITHOUT ROWID
    ;
CREATE TABLE hour_total (
            origin INTEGER NOT NULL, hour INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (origin, hour)
        ) WITHOUT ROWID
        ;
INSERT INTO "hour_total" VALUES(1,497222,2,0,12,34,0,0,'0.0031','0.004',0,0,0,'0','0');
CREATE TABLE key_state (
        account TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        until REAL,
        reason TEXT NOT NULL,
        failures INTEGER NOT NULL,
        changed_at REAL NOT NULL
    ) WITHOUT ROWID
    ;
CREATE TABLE message (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        parent_id TEXT,
        role TEXT NOT NULL,
        state TEXT NOT NULL,
        process TEXT,
        created_at REAL NOT NULL,
        model TEXT,
        text TEXT NOT NULL,
        reasoning TEXT NOT NULL DEFAULT '',
        more TEXT NOT NULL DEFAULT '{}',
        deleted_at REAL
    );
INSERT INTO "message" VALUES(1,'question-1','conversation-1',NULL,'user','done',NULL,1790000000.0,NULL,'Tell me about trees','','{}',NULL);
INSERT INTO "message" VALUES(2,'reply-1','conversation-1','question-1','assistant','done',NULL,1790000001.0,'a/b','Trees are tall.','','{}',NULL);
CREATE TABLE model_mark (
        origin TEXT NOT NULL,
        model NOT NULL,
        used_at REAL,
        is_favourite INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (origin, model)
    );
INSERT INTO "model_mark" VALUES('https://openrouter.ai:443','acme/atlas',1.0,1);
CREATE TABLE month_sum (
            origin INTEGER NOT NULL, month INTEGER NOT NULL, account INTEGER NOT NULL, key_tail INTEGER NOT NULL, model INTEGER NOT NULL, provider INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (origin, month, account, key_tail, model, provider)
        ) WITHOUT ROWID
        ;
INSERT INTO "month_sum" VALUES(1,20697,0,0,3,0,1,0,0,0,0,0,'0','0.004',0,0,0,'0','0');
INSERT INTO "month_sum" VALUES(1,20697,5,6,3,4,1,0,12,34,0,0,'0.0031','0',0,0,0,'0','0');
CREATE TABLE quota_reply (
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        fetched_at REAL NOT NULL,
        PRIMARY KEY (account, name)
    ) WITHOUT ROWID
    ;
CREATE TABLE reply_part (
        message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (message_id, seq)
    ) WITHOUT ROWID
    ;
CREATE TABLE request (
        number INTEGER PRIMARY KEY,
        id NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        origin INTEGER NOT NULL REFERENCES word (id),
        process INTEGER NOT NULL REFERENCES word (id),
        created_at REAL NOT NULL,
        sent_after_ms INTEGER,
        ended_after_ms INTEGER,
        account INTEGER REFERENCES word (id),
        key_tail INTEGER REFERENCES word (id),
        model INTEGER NOT NULL REFERENCES word (id),
        model_answered INTEGER REFERENCES word (id),
        provider INTEGER REFERENCES word (id),
        conversation INTEGER REFERENCES word (id),
        message_id,
        reserve_usd TEXT,
        estimate_usd TEXT,
        cost_usd TEXT,
        upstream_usd TEXT,
        is_byok INTEGER NOT NULL DEFAULT 0,
        prompt_tokens_estimate INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        reasoning_tokens INTEGER,
        cached_tokens INTEGER,
        cache_write_tokens INTEGER,
        generation_id,
        ttft_ms INTEGER,
        duration_ms INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        status INTEGER,
        error_kind INTEGER REFERENCES word (id),
        finish_reason INTEGER REFERENCES word (id),
        bill_asks INTEGER NOT NULL DEFAULT 0,
        next_ask_at REAL
    , quoted_usd TEXT);
INSERT INTO "request" VALUES(1,'request-1','chat','billed',1,2,1790000000.0,NULL,900,5,6,3,3,4,7,'reply-1','0.01','0.004','0.0031',NULL,0,0,12,34,NULL,NULL,NULL,'gen-1',NULL,NULL,1,200,NULL,8,0,NULL,NULL);
INSERT INTO "request" VALUES(2,'request-2','chat','awaited',1,2,1790000100.0,NULL,NULL,NULL,NULL,3,NULL,NULL,NULL,NULL,'0.01','0.004',NULL,NULL,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE session_sum (
            process INTEGER NOT NULL, origin INTEGER NOT NULL,
            requests INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            reasoning_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            billed_usd TEXT NOT NULL,
            estimated_usd TEXT NOT NULL,
            unknown INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL DEFAULT 0, wasted INTEGER NOT NULL DEFAULT 0, wasted_usd TEXT NOT NULL DEFAULT '0', upstream_usd TEXT NOT NULL DEFAULT '0',
            PRIMARY KEY (process, origin)
        ) WITHOUT ROWID
        ;
INSERT INTO "session_sum" VALUES(2,1,2,0,12,34,0,0,'0.0031','0.004',0,0,0,'0','0');
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "setting" VALUES('theme','"textual-dark"');
CREATE TABLE sheet (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        model,
        dimensions INTEGER,
        input_type TEXT,
        updated_at REAL NOT NULL
    , deleted_at REAL, used_at REAL, more TEXT NOT NULL DEFAULT '{}');
INSERT INTO "sheet" VALUES('sheet-1','Fruit',NULL,NULL,NULL,1790000000.0,NULL,NULL,'{}');
CREATE TABLE sheet_text (
        sheet_id TEXT NOT NULL REFERENCES sheet (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        text TEXT NOT NULL,
        label TEXT NOT NULL,
        group_name TEXT NOT NULL,
        PRIMARY KEY (sheet_id, position)
    ) WITHOUT ROWID
    ;
INSERT INTO "sheet_text" VALUES('sheet-1',0,'apple','','');
CREATE TABLE snapshot (
        id INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        kind TEXT NOT NULL,
        digest BLOB NOT NULL,
        body BLOB NOT NULL,
        first_at REAL NOT NULL,
        fetched_at REAL NOT NULL
    );
CREATE TABLE try (
        id INTEGER PRIMARY KEY,
        request_id NOT NULL,
        account TEXT NOT NULL,
        taken_at REAL NOT NULL,
        tokens INTEGER NOT NULL,
        is_free_model INTEGER NOT NULL
    );
CREATE TABLE vector (
        id INTEGER PRIMARY KEY,
        space INTEGER NOT NULL REFERENCES vector_space (id) ON DELETE CASCADE,
        digest BLOB NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (space, digest)
    );
CREATE TABLE vector_space (
        id INTEGER PRIMARY KEY,
        origin TEXT NOT NULL,
        model NOT NULL,
        dimensions INTEGER NOT NULL,
        input_type TEXT NOT NULL,
        UNIQUE (origin, model, dimensions, input_type)
    );
CREATE TABLE word (id INTEGER PRIMARY KEY, text NOT NULL UNIQUE);
INSERT INTO "word" VALUES(1,'https://openrouter.ai:443');
INSERT INTO "word" VALUES(2,'process-1');
INSERT INTO "word" VALUES(3,'acme/atlas');
INSERT INTO "word" VALUES(4,'Acme');
INSERT INTO "word" VALUES(5,'account-1');
INSERT INTO "word" VALUES(6,'…4f2a');
INSERT INTO "word" VALUES(7,'conversation-1');
INSERT INTO "word" VALUES(8,'stop');
CREATE INDEX request_by_model ON request (model);
CREATE INDEX request_by_generation ON request (substr(generation_id, -8)) WHERE generation_id IS NOT NULL;
CREATE INDEX request_open ON request (state) WHERE state IN ('reserved', 'awaited');
CREATE INDEX try_by_account ON try (account, taken_at);
CREATE INDEX conversation_by_age ON conversation (is_pinned, updated_at);
CREATE INDEX message_by_conversation ON message (conversation_id);
CREATE INDEX message_open ON message (conversation_id) WHERE state IN ('waiting', 'streaming');
CREATE VIRTUAL TABLE beside_search USING fts5 (text, tokenize = "unicode61 remove_diacritics 2");
CREATE VIRTUAL TABLE message_search
    USING fts5 (text, content = 'message', content_rowid = 'number', tokenize = "unicode61 remove_diacritics 2");
INSERT INTO message_search (message_search) VALUES ('rebuild');
CREATE TRIGGER message_search_insert AFTER INSERT ON message WHEN new.text <> '' BEGIN
        INSERT INTO message_search (rowid, text) VALUES (new.number, new.text);
    END;
CREATE TRIGGER message_search_delete AFTER DELETE ON message WHEN old.text <> '' BEGIN
        INSERT INTO message_search (message_search, rowid, text) VALUES ('delete', old.number, old.text);
    END;
CREATE TRIGGER message_search_update AFTER UPDATE OF text ON message WHEN old.text IS NOT new.text BEGIN
        INSERT INTO message_search (message_search, rowid, text)
            SELECT 'delete', old.number, old.text WHERE old.text <> '';
        INSERT INTO message_search (rowid, text) SELECT new.number, new.text WHERE new.text <> '';
    END;
CREATE INDEX snapshot_by_age ON snapshot (origin, kind, fetched_at);
CREATE INDEX catalogue_difference_by_age ON catalogue_difference (origin, at);
CREATE TRIGGER beside_search_delete AFTER DELETE ON message BEGIN
        DELETE FROM beside_search WHERE rowid = old.number;
    END;
COMMIT;
PRAGMA application_id = 1869771881;
PRAGMA user_version = 6;
