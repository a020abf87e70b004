-- Registries that are watched. "sealed": credentials and the secret of
-- webhooks, which this database cannot read; "secrets" says which are
-- set. "settings", "error" are JSON.
CREATE TABLE registry (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    address TEXT NOT NULL,
    settings TEXT NOT NULL,
    secrets TEXT NOT NULL,
    sealed TEXT,
    paused BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    -- When its contents were last asked for, when that last went well,
    -- and when it last told something by itself.
    polled BIGINT,
    reached BIGINT,
    told BIGINT,
    error TEXT,
    -- Nothing is asked of it before.
    hold_until BIGINT NOT NULL,
    -- Images taken from it within the minute that began then.
    minute_began BIGINT NOT NULL,
    minute_taken BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    UNIQUE (environment_id, name)
);

CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    registry_id BIGINT NOT NULL REFERENCES registry (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    gone BIGINT,
    -- After which tag its list is read on.
    list_after TEXT,
    UNIQUE (registry_id, name)
);

-- Tags as they were last seen. "digest" is what it points to: an image,
-- or an index of images.
CREATE TABLE tag (
    id INTEGER PRIMARY KEY,
    repository_id BIGINT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    checked BIGINT NOT NULL,
    changed BIGINT,
    pushed BIGINT,
    pulled BIGINT,
    gone BIGINT,
    UNIQUE (repository_id, name)
);

CREATE INDEX tag_by_check ON tag (repository_id, checked, id);
CREATE INDEX tag_by_digest ON tag (digest);

-- The images a tag leads to: one for each platform.
CREATE TABLE tag_image (
    tag_id BIGINT NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    platform TEXT,
    PRIMARY KEY (tag_id, digest)
);

CREATE INDEX tag_image_by_digest ON tag_image (digest);

-- What registries told, each once; "event" is what they call it.
CREATE TABLE registry_event (
    id INTEGER PRIMARY KEY,
    registry_id BIGINT NOT NULL REFERENCES registry (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT,
    digest TEXT,
    source TEXT,
    time BIGINT NOT NULL,
    heard BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    done BIGINT,
    error TEXT,
    UNIQUE (registry_id, event)
);

CREATE INDEX registry_event_waiting ON registry_event (registry_id, id) WHERE done IS NULL;
CREATE INDEX registry_event_old ON registry_event (heard);

-- Why an image was looked at, or judged again, and when: its timeline.
CREATE TABLE image_event (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    image_id BIGINT,
    scan_id BIGINT,
    digest TEXT,
    name TEXT NOT NULL,
    time BIGINT NOT NULL,
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    source TEXT
);

CREATE INDEX image_event_by_image ON image_event (image_id, id);
CREATE INDEX image_event_by_scan ON image_event (scan_id);
CREATE INDEX change_by_image ON change (image_id, id);

ALTER TABLE scan ADD COLUMN digest TEXT;
ALTER TABLE scan ADD COLUMN registry_id BIGINT;
ALTER TABLE scan ADD COLUMN exposed BIGINT NOT NULL DEFAULT 0;
-- Tries that failed, and times a server ended while it ran.
ALTER TABLE scan ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scan ADD COLUMN interrupted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scan ADD COLUMN next_try BIGINT NOT NULL DEFAULT 0;
-- Given up, and not asked for again since.
ALTER TABLE scan ADD COLUMN dead BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scan ADD COLUMN lease_holder TEXT NOT NULL DEFAULT '';
ALTER TABLE scan ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;

CREATE INDEX scan_dead ON scan (id) WHERE dead = 1;
CREATE INDEX scan_by_digest ON scan (digest);

-- By which extractors it was read.
ALTER TABLE image ADD COLUMN extractors TEXT NOT NULL DEFAULT '';

CREATE INDEX image_by_digest ON image (digest);

UPDATE scan SET priority = CASE origin WHEN 'start' THEN 6 WHEN 'schedule' THEN 8 ELSE priority END
    WHERE state = 'queued';
