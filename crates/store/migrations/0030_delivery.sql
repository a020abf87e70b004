-- Telling other systems: who is told (sink), of what (route), what
-- happened (outbox, written with the change itself), and what became of
-- telling it (delivery).

-- Secrets are sealed outside the database; "secret_names" says which
-- are set. Everything in the outbox up to "cursor" has been routed. A
-- replica delivers only while the lease is its own.
CREATE TABLE sink (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    secret_names TEXT NOT NULL,
    sealed TEXT,
    paused BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    cursor BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    last_delivered BIGINT,
    answer TEXT
);

-- "held": what a digest has gathered so far, as JSON.
CREATE TABLE route (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    enabled BIGINT NOT NULL,
    query TEXT NOT NULL,
    environments TEXT NOT NULL,
    events TEXT NOT NULL,
    digest_seconds BIGINT NOT NULL,
    max_per_minute BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    matched BIGINT NOT NULL,
    last_matched BIGINT,
    held TEXT
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    demo BIGINT NOT NULL,
    notice TEXT NOT NULL
);

-- States: 0 pending, 1 delivered, 2 dead. "notices": a JSON list.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    state BIGINT NOT NULL,
    notices TEXT NOT NULL,
    size BIGINT NOT NULL,
    headline TEXT NOT NULL,
    routes TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created BIGINT NOT NULL,
    since BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    finished BIGINT,
    answer TEXT
);

CREATE INDEX delivery_pending ON delivery (sink_id, id) WHERE state = 0;
CREATE INDEX delivery_by_sink ON delivery (sink_id, state, id);

-- What receivers asked to be remembered: issue keys by finding.
CREATE TABLE sink_memory (
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (sink_id, subject)
);
