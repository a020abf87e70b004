-- What somebody answers for, of controls that no check answers; an empty
-- cluster stands for the environment as a whole.
CREATE TABLE attestation (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    standard TEXT NOT NULL,
    control TEXT NOT NULL,
    note TEXT NOT NULL,
    made BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (environment_id, cluster, standard, control)
);

-- What checks said of the machines of clusters when they were last looked
-- at; what is wrong is among the findings as well.
CREATE TABLE node_assessment (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    node TEXT NOT NULL,
    profile TEXT NOT NULL,
    time BIGINT NOT NULL,
    -- Checks by what they said: JSON.
    verdicts TEXT NOT NULL,
    -- What could not be read: JSON.
    gaps TEXT NOT NULL,
    PRIMARY KEY (environment_id, cluster, node)
);
