-- What is done about a policy where; an empty cluster stands for every
-- one of the environment that has no setting of its own.
CREATE TABLE policy_setting (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    policy TEXT NOT NULL,
    action TEXT NOT NULL,
    parameters TEXT,
    scope TEXT,
    reason TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, cluster, policy)
);

-- Policies of somebody's own, as they wrote them.
CREATE TABLE custom_policy (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    title TEXT NOT NULL,
    severity BIGINT NOT NULL,
    description TEXT NOT NULL,
    documents TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, name)
);

-- What admission decided that is worth remembering.
CREATE TABLE admission_decision (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    uid TEXT NOT NULL,
    time BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    namespace TEXT NOT NULL,
    object TEXT NOT NULL,
    username TEXT NOT NULL,
    searched TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (environment_id, cluster, uid)
);

CREATE INDEX admission_decision_by_place ON admission_decision (environment_id, time, id);

CREATE INDEX admission_decision_by_time ON admission_decision (time);

-- Each policy that had something to say in a decision, and what came of
-- that.
CREATE TABLE admission_hit (
    decision_id BIGINT NOT NULL REFERENCES admission_decision (id) ON DELETE CASCADE,
    policy TEXT NOT NULL,
    verdict TEXT NOT NULL,
    environment_id BIGINT NOT NULL,
    cluster TEXT NOT NULL,
    time BIGINT NOT NULL,
    PRIMARY KEY (decision_id, policy)
);

CREATE INDEX admission_hit_by_policy ON admission_hit (environment_id, policy, time);

CREATE INDEX admission_hit_by_time ON admission_hit (environment_id, time);

-- Replicas of admission, as they last told how they are: JSON.
CREATE TABLE admission_replica (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    replica TEXT NOT NULL,
    status TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, cluster, replica)
);
