-- Several servers may share one PostgreSQL, and still write one after
-- another, as SQLite's single writer does: each group of writes first
-- locks the row without a name. A server's own row says which of its
-- groups was committed last, for when the answer to a COMMIT is lost.

CREATE TABLE writer (
    server TEXT COLLATE "C" PRIMARY KEY,
    turn BIGINT NOT NULL,
    seen TIMESTAMPTZ NOT NULL
);

INSERT INTO writer (server, turn, seen) VALUES ('', 0, now());
