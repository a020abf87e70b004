-- What is attached to images at their registries: signatures, SBOMs,
-- attestations. "subject" is the digest of the image or index,
-- "repository" has its registry before it, "annotations" is JSON, and
-- "found_by" says how it was found: "api", "tag", "cosign_tag", "index" or
-- "push". "gone" is when its registry no longer listed it.
CREATE TABLE referrer (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    artifact_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    annotations TEXT NOT NULL,
    found_by TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    gone BIGINT,
    UNIQUE (environment_id, subject, repository, digest)
);
