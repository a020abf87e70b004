-- Alerts that belong together: by the same principal, on the same
-- workload or from the same address, within an hour, in one cluster.
-- States: 0 open, 1 acknowledged, 2 closed, 3 merged into another. One
-- that is not shown is a lone alert of little weight, kept so that the
-- next one finds it. "worst" is of its alerts, "severity" is raised by
-- the tactics they span.
CREATE TABLE incident (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    title TEXT NOT NULL,
    severity BIGINT NOT NULL,
    worst BIGINT NOT NULL,
    tactics BIGINT NOT NULL,
    techniques TEXT NOT NULL,
    principals TEXT NOT NULL,
    workloads TEXT NOT NULL,
    alerts BIGINT NOT NULL,
    events BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    state BIGINT NOT NULL,
    reason TEXT,
    note TEXT,
    assignee TEXT,
    decided_by TEXT,
    decided BIGINT,
    merged_into TEXT,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    opened BIGINT NOT NULL
);

CREATE INDEX incident_queue ON incident (environment_id, state, last_seen)
    WHERE shown = 1;

CREATE TABLE incident_alert (
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (incident_id, finding_id)
);

CREATE INDEX incident_alert_by_finding ON incident_alert (finding_id);

-- What relates alerts to it, and when it last did: "principal alice".
CREATE TABLE incident_key (
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    environment_id BIGINT NOT NULL,
    cluster TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (incident_id, key)
);

CREATE INDEX incident_key_by_key ON incident_key (environment_id, cluster, key, last_seen);

-- What happened to it. Without an actor: the product itself.
CREATE TABLE incident_event (
    id INTEGER PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    actor TEXT,
    what TEXT NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX incident_event_by_incident ON incident_event (incident_id, id);
