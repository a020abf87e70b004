CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    time BIGINT NOT NULL,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    image_id BIGINT,
    kind TEXT NOT NULL,
    summary TEXT NOT NULL,
    new TEXT NOT NULL,
    resolved BIGINT NOT NULL
);
CREATE TABLE environment (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    demo BIGINT NOT NULL
);
CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    environment_id BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind TEXT NOT NULL,
    vulnerability_id BIGINT NOT NULL,
    package_id BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    state BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    suppression TEXT,
    fix_state TEXT NOT NULL,
    fix_versions TEXT NOT NULL,
    fixable BIGINT NOT NULL,
    advisories TEXT NOT NULL,
    path TEXT NOT NULL,
    layer BIGINT,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT,
    resolved BIGINT,
    UNIQUE (image_id, fingerprint)
);
CREATE INDEX finding_by_vulnerability ON finding (vulnerability_id, image_id);
CREATE INDEX finding_queue ON finding (rank, id) WHERE state = 0 AND suppressed = 0;
CREATE TABLE fix (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    environment_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    installed TEXT NOT NULL,
    layer BIGINT,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    PRIMARY KEY (image_id, kind, package)
);
CREATE TABLE image (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    digest TEXT,
    config_digest TEXT,
    tags TEXT NOT NULL,
    platform TEXT,
    os TEXT,
    os_name TEXT NOT NULL,
    layers BIGINT NOT NULL,
    size_bytes BIGINT,
    packages BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    risk BIGINT NOT NULL,
    fixable BIGINT NOT NULL,
    kev BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    warnings BIGINT NOT NULL,
    starter_only BIGINT NOT NULL,
    generation TEXT NOT NULL,
    first_scanned BIGINT NOT NULL,
    last_scanned BIGINT NOT NULL,
    assessed BIGINT NOT NULL,
    last_error TEXT,
    UNIQUE (environment_id, kind, identity)
);
CREATE TABLE image_document (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    config TEXT,
    warnings TEXT NOT NULL,
    sbom BLOB NOT NULL
);
CREATE TABLE image_package (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    package_id BIGINT NOT NULL,
    path TEXT NOT NULL,
    layer BIGINT,
    owned_by TEXT,
    PRIMARY KEY (image_id, ordinal)
);
CREATE INDEX image_package_by_package ON image_package (package_id, image_id);
CREATE TABLE layer (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    diff_id TEXT NOT NULL,
    digest TEXT,
    size_bytes BIGINT,
    created_by TEXT,
    created BIGINT,
    PRIMARY KEY (image_id, ordinal)
);
CREATE INDEX layer_by_content ON layer (diff_id, image_id);
CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    purl TEXT NOT NULL,
    ecosystem TEXT,
    source TEXT,
    architecture TEXT,
    licenses TEXT NOT NULL
);
CREATE INDEX package_by_name ON package (name);
CREATE TABLE scan (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    image_id BIGINT,
    target TEXT NOT NULL,
    name TEXT NOT NULL,
    platform TEXT,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL,
    error TEXT,
    advice TEXT,
    outcome TEXT,
    created BIGINT NOT NULL,
    started BIGINT,
    finished BIGINT
);
CREATE INDEX scan_active ON scan (priority, id) WHERE state IN ('queued', 'running');
CREATE INDEX scan_by_image ON scan (image_id, id);
CREATE TABLE session (
    hash TEXT PRIMARY KEY,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE sign_in_link (
    hash TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE TABLE vulnerability (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    severity BIGINT NOT NULL,
    title TEXT NOT NULL,
    cvss DOUBLE PRECISION,
    epss DOUBLE PRECISION,
    kev BIGINT NOT NULL,
    published BIGINT,
    details TEXT NOT NULL
);
CREATE TABLE vulnerability_use (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    vulnerability_id BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    images BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    fixable BIGINT NOT NULL,
    packages TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, vulnerability_id)
);
