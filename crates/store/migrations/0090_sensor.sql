-- Sensors on nodes, as they last told how they are: JSON.
CREATE TABLE sensor (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    status TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, node)
);

-- How far each run of a sensor was taken in: what has a number up to
-- here is known.
CREATE TABLE sensor_run (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    boot TEXT NOT NULL,
    run TEXT NOT NULL,
    alerts BIGINT NOT NULL,
    gaps BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, node, boot, run)
);

CREATE INDEX sensor_run_by_time ON sensor_run (seen);

-- What sensors lost, the last few of each.
CREATE TABLE sensor_gap (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    received BIGINT NOT NULL,
    stage TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    lost BIGINT NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT NOT NULL
);

CREATE INDEX sensor_gap_by_node ON sensor_gap (environment_id, node, id);

-- What an environment's sensors are to do: JSON.
CREATE TABLE sensor_policy (
    environment_id BIGINT NOT NULL PRIMARY KEY REFERENCES environment (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    policy TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

-- What a container or host did before an alert, the last time it was
-- raised, compressed.
CREATE TABLE alert_trace (
    finding_id BIGINT NOT NULL PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    trace BLOB NOT NULL
);
