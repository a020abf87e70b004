-- What alerts say beside their findings: who, from where, what and what
-- changed, as JSON.
CREATE TABLE alert_context (
    finding_id BIGINT PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    context TEXT NOT NULL
);

-- What queries ask of it, over all times it happened. Fields: 0 user,
-- 1 group, 2 service account, 3 source address, 4 verb, 5 resource.
CREATE TABLE alert_term (
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    field BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (finding_id, field, value)
);

CREATE INDEX alert_term_by_value ON alert_term (field, LOWER(value));

-- The last few events themselves, compressed.
CREATE TABLE alert_event (
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    time BIGINT NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (finding_id, event)
);
