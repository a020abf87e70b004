-- Container hosts that are reached from afar: where, by what, and how
-- the last look went. "sealed": certificates and the key, which this
-- database cannot read; "secrets" says which are set. "error" and "gaps"
-- are JSON.
CREATE TABLE container_host (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    secrets TEXT NOT NULL,
    sealed TEXT,
    paused BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    looked BIGINT,
    reached BIGINT,
    error TEXT,
    gaps TEXT NOT NULL,
    UNIQUE (environment_id, name)
);

-- What recommendations judge an asset by, beyond what people are shown
-- of it: JSON.
CREATE TABLE asset_posture (
    asset_id BIGINT PRIMARY KEY REFERENCES asset (id) ON DELETE CASCADE,
    facts TEXT NOT NULL,
    noted BIGINT NOT NULL
);
