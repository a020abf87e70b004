-- Detection rules switched on or off in one environment, against what
-- they are by default.
CREATE TABLE rule_switch (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    note TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, rule)
);

-- How often rules matched, by the day (since 1970 UTC).
CREATE TABLE rule_hit (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    last_hit BIGINT NOT NULL,
    PRIMARY KEY (environment_id, rule_id, day)
);

INSERT INTO rule_hit (environment_id, rule_id, day, hits, last_hit)
SELECT environment_id, rule_id, COALESCE(last_seen, first_seen) / 86400000000, SUM(occurrences),
    MAX(COALESCE(last_seen, first_seen))
FROM finding WHERE kind = 2
GROUP BY environment_id, rule_id, COALESCE(last_seen, first_seen) / 86400000000;
