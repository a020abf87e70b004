-- Whose signatures images of some repositories must have. "repositories",
-- "signers" and "stampers" are JSON; none of it is secret. "revision"
-- grows with every change: what was found by an older one counts no more.
CREATE TABLE trust_policy (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    repositories TEXT NOT NULL,
    signers TEXT NOT NULL,
    stampers TEXT NOT NULL,
    root TEXT,
    enabled BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    UNIQUE (environment_id, name)
);

-- What verifying an image by a policy found. "repository" has its
-- registry before it; "through" is the index whose signature counts for
-- this image; "revision" is the policy's, 0 where nobody looked yet.
CREATE TABLE trust_outcome (
    id INTEGER PRIMARY KEY,
    policy_id BIGINT NOT NULL REFERENCES trust_policy (id) ON DELETE CASCADE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    revision BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    why TEXT,
    reason TEXT,
    mend TEXT,
    signer TEXT,
    scheme TEXT,
    through TEXT,
    logged BIGINT,
    ends BIGINT,
    since BIGINT NOT NULL,
    checked BIGINT,
    attempts BIGINT NOT NULL,
    next_check BIGINT NOT NULL,
    UNIQUE (policy_id, repository, digest)
);

CREATE INDEX trust_outcome_by_digest ON trust_outcome (digest);
CREATE INDEX trust_outcome_due ON trust_outcome (next_check, id);

-- When that changed: a part of images' timelines.
CREATE TABLE trust_event (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    policy TEXT NOT NULL,
    time BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    signer TEXT,
    reason TEXT
);

CREATE INDEX trust_event_by_digest ON trust_event (digest, id);
