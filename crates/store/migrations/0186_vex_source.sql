-- Addresses VEX documents are fetched from: hubs, or one document. "mark"
-- is what the address is asked with the next time; "error" is why the
-- last fetch failed, in words.
CREATE TABLE vex_source (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    allow_private BIGINT NOT NULL,
    every_hours BIGINT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    mark TEXT,
    asked BIGINT,
    reached BIGINT,
    changed BIGINT,
    left_out BIGINT NOT NULL,
    error TEXT,
    next_try BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

ALTER TABLE vex_document ADD COLUMN source_id BIGINT;

CREATE INDEX vex_document_by_source ON vex_document (source_id);
