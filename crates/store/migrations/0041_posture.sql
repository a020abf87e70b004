-- How recommendations stand: a roll-up of the last judgement.
CREATE TABLE standing (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    severity BIGINT NOT NULL,
    healthy BIGINT NOT NULL,
    affected BIGINT NOT NULL,
    exempted BIGINT NOT NULL,
    not_applicable BIGINT NOT NULL,
    affected_since BIGINT,
    checked BIGINT NOT NULL,
    PRIMARY KEY (environment_id, rule)
);

-- The score over time: whenever it changed, and every hour.
CREATE TABLE score (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    earned DOUBLE PRECISION NOT NULL,
    possible DOUBLE PRECISION NOT NULL,
    exempted DOUBLE PRECISION NOT NULL
);

CREATE INDEX score_by_time ON score (environment_id, time);

-- Why it changed.
CREATE TABLE score_move (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    rule TEXT NOT NULL,
    change DOUBLE PRECISION NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX score_move_by_time ON score_move (time, environment_id);

-- What happened to findings, by the hour (since 1970 UTC).
CREATE TABLE activity (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    resolved BIGINT NOT NULL,
    dismissed BIGINT NOT NULL,
    exempted BIGINT NOT NULL,
    PRIMARY KEY (environment_id, hour, kind)
);

-- Open findings at the end of each day (since 1970 UTC); of today, now.
CREATE TABLE trend (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    PRIMARY KEY (environment_id, day)
);

-- A page with its filters, under a name of its owner's.
CREATE TABLE saved_view (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    name TEXT NOT NULL,
    page TEXT NOT NULL,
    search TEXT NOT NULL,
    shared BIGINT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (owner, name)
);
