CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    email TEXT,
    -- Who says so, where it is not us.
    issuer TEXT,
    subject TEXT,
    -- argon2id; none until the invitation is used.
    password TEXT,
    roles TEXT NOT NULL,
    disabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_sign_in BIGINT,
    UNIQUE (issuer, subject)
);
CREATE TABLE action (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    actor TEXT NOT NULL,
    time BIGINT NOT NULL,
    what TEXT NOT NULL,
    summary TEXT NOT NULL,
    changed BIGINT NOT NULL,
    undo_until BIGINT NOT NULL,
    undone BIGINT
);
CREATE TABLE action_finding (
    action_id BIGINT NOT NULL REFERENCES action (id) ON DELETE CASCADE,
    finding_id BIGINT NOT NULL,
    before TEXT NOT NULL,
    PRIMARY KEY (action_id, finding_id)
);
CREATE TABLE activity (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    resolved BIGINT NOT NULL,
    dismissed BIGINT NOT NULL,
    exempted BIGINT NOT NULL,
    PRIMARY KEY (environment_id, hour, kind)
);
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
CREATE TABLE admission_replica (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    replica TEXT NOT NULL,
    status TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, cluster, replica)
);
CREATE TABLE alert_context (
    finding_id BIGINT PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    context TEXT NOT NULL
);
CREATE TABLE alert_event (
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    time BIGINT NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (finding_id, event)
);
CREATE TABLE alert_receipt (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (environment_id, event)
);
CREATE INDEX alert_receipt_by_time ON alert_receipt (received);
CREATE TABLE alert_term (
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    field BIGINT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (finding_id, field, value)
);
CREATE INDEX alert_term_by_value ON alert_term (field, LOWER(value));
CREATE TABLE alert_trace (
    finding_id BIGINT NOT NULL PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    trace BLOB NOT NULL
);
CREATE TABLE api_token (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    -- The token it was made with: revoked together.
    parent TEXT,
    permissions TEXT NOT NULL,
    environments TEXT NOT NULL,
    addresses TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    last_used BIGINT,
    last_address TEXT,
    revoked BIGINT
);
CREATE INDEX api_token_by_account ON api_token (account_id);
CREATE TABLE asset (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    parent_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    identity TEXT NOT NULL,
    name TEXT NOT NULL,
    cluster TEXT,
    namespace TEXT,
    workload TEXT,
    labels TEXT NOT NULL,
    facts TEXT NOT NULL,
    image_id BIGINT,
    started BIGINT,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    gone BIGINT,
    own_critical BIGINT NOT NULL DEFAULT 0,
    own_high BIGINT NOT NULL DEFAULT 0,
    own_medium BIGINT NOT NULL DEFAULT 0,
    own_low BIGINT NOT NULL DEFAULT 0,
    own_info BIGINT NOT NULL DEFAULT 0,
    own_unknown BIGINT NOT NULL DEFAULT 0,
    critical BIGINT NOT NULL DEFAULT 0,
    high BIGINT NOT NULL DEFAULT 0,
    medium BIGINT NOT NULL DEFAULT 0,
    low BIGINT NOT NULL DEFAULT 0,
    info BIGINT NOT NULL DEFAULT 0,
    unknown BIGINT NOT NULL DEFAULT 0,
    UNIQUE (environment_id, kind, parent_id, identity)
);
CREATE INDEX asset_by_folded_name ON asset (LOWER(name));
CREATE INDEX asset_by_image ON asset (image_id) WHERE image_id IS NOT NULL;
CREATE INDEX asset_by_parent ON asset (parent_id, kind);
CREATE TABLE asset_posture (
    asset_id BIGINT PRIMARY KEY REFERENCES asset (id) ON DELETE CASCADE,
    facts TEXT NOT NULL,
    noted BIGINT NOT NULL
);
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
CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT NOT NULL,
    environment TEXT,
    was TEXT,
    became TEXT,
    request TEXT,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    hash TEXT NOT NULL
);
CREATE TABLE cause (
    id INTEGER PRIMARY KEY,
    time BIGINT NOT NULL,
    text TEXT NOT NULL
);
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
CREATE INDEX change_by_image ON change (image_id, id);
CREATE TABLE cluster_object (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    connector_id BIGINT NOT NULL REFERENCES connector (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    api_group TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    owner_kind TEXT,
    owner_name TEXT,
    -- The policies it was judged by; absent where it is not judged.
    set_id BIGINT,
    -- How many of them have something to say.
    violated BIGINT NOT NULL,
    asset_id BIGINT,
    -- Where it is a pod: JSON.
    pod TEXT,
    -- The object, compressed.
    body BLOB,
    picture BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    UNIQUE (connector_id, kind, api_group, namespace, name)
);
CREATE INDEX cluster_object_by_asset ON cluster_object (asset_id);
CREATE INDEX cluster_object_by_owner
    ON cluster_object (connector_id, namespace, owner_kind, owner_name);
CREATE INDEX cluster_object_by_set ON cluster_object (connector_id, set_id);
CREATE TABLE connector (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    status TEXT NOT NULL,
    session TEXT NOT NULL,
    number BIGINT NOT NULL,
    -- Counts sessions: objects of an older one were not shown since.
    picture BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    UNIQUE (environment_id, cluster)
);
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
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    state BIGINT NOT NULL,
    notices TEXT NOT NULL,
    size BIGINT NOT NULL,
    headline TEXT NOT NULL,
    routes TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created BIGINT NOT NULL,
    since BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    finished BIGINT,
    answer TEXT
);
CREATE INDEX delivery_by_sink ON delivery (sink_id, state, id);
CREATE INDEX delivery_pending ON delivery (sink_id, id) WHERE state = 0;
CREATE TABLE environment (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    demo BIGINT NOT NULL
);
CREATE TABLE exemption (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    owner TEXT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires BIGINT,
    state BIGINT NOT NULL,
    ended BIGINT,
    ended_by TEXT,
    findings BIGINT NOT NULL
);
CREATE TABLE "finding" (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL,
    asset_id BIGINT NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    image_id BIGINT,
    kind BIGINT NOT NULL,
    rule_id BIGINT NOT NULL,
    package_id BIGINT,
    fingerprint TEXT NOT NULL,
    severity BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    state BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    suppression TEXT,
    fix_state TEXT,
    fix_versions TEXT,
    fixable BIGINT NOT NULL,
    advisories TEXT,
    path TEXT,
    layer BIGINT,
    summary TEXT,
    occurrences BIGINT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT,
    resolved BIGINT,
    progress BIGINT NOT NULL,
    assignee TEXT,
    due TEXT,
    comments BIGINT NOT NULL,
    reason TEXT,
    note TEXT,
    decided_by TEXT,
    decided BIGINT,
    exemption_id BIGINT,
    action_id BIGINT,
    cause_id BIGINT,
    priority BIGINT NOT NULL DEFAULT 0,
    container TEXT
);
CREATE UNIQUE INDEX finding_by_asset ON finding (asset_id, rule_id, fingerprint);
CREATE INDEX finding_by_container ON finding (LOWER(container)) WHERE container IS NOT NULL;
CREATE INDEX finding_by_package ON finding (package_id)
    WHERE state = 0 AND suppressed = 0 AND package_id IS NOT NULL;
CREATE INDEX finding_by_rule ON finding (rule_id);
CREATE TABLE finding_count (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    kind BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    state BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    fixable BIGINT NOT NULL,
    kev BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    PRIMARY KEY (environment_id, kind, severity, state, suppressed, fixable, kev)
);
CREATE TABLE finding_event (
    id INTEGER PRIMARY KEY,
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    actor TEXT,
    what TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX finding_event_by_finding ON finding_event (finding_id, id);
CREATE TABLE finding_evidence (
    finding_id BIGINT PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    evidence TEXT NOT NULL
);
CREATE INDEX finding_exempted ON finding (exemption_id) WHERE exemption_id IS NOT NULL;
CREATE VIRTUAL TABLE finding_line USING fts5 (
    summary, content = 'finding', content_rowid = 'id', tokenize = 'trigram', columnsize = 0
);
CREATE TRIGGER finding_line_entered AFTER UPDATE OF summary ON finding
WHEN new.summary IS NOT NULL AND old.summary IS NOT new.summary BEGIN
    INSERT INTO finding_line (rowid, summary) VALUES (new.id, new.summary);
END;
CREATE TRIGGER finding_line_left AFTER UPDATE OF summary ON finding
WHEN old.summary IS NOT NULL AND old.summary IS NOT new.summary BEGIN
    INSERT INTO finding_line (finding_line, rowid, summary)
    VALUES ('delete', old.id, old.summary);
END;
CREATE TRIGGER finding_line_removed AFTER DELETE ON finding
WHEN old.summary IS NOT NULL BEGIN
    INSERT INTO finding_line (finding_line, rowid, summary)
    VALUES ('delete', old.id, old.summary);
END;
CREATE INDEX finding_priority ON finding (environment_id, priority, id)
    WHERE state = 0 AND suppressed = 0 AND kind = 0;
CREATE INDEX finding_queue ON finding (environment_id, kind, rank, id)
    WHERE state = 0 AND suppressed = 0;
CREATE INDEX finding_resolved ON finding (resolved) WHERE state = 1;
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
    last_error TEXT, extractors TEXT NOT NULL DEFAULT '',
    UNIQUE (environment_id, kind, identity)
);
CREATE INDEX image_by_digest ON image (digest);
CREATE INDEX image_by_folded_name ON image (LOWER(name));
CREATE TABLE image_content (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    mark BIGINT NOT NULL,
    subject TEXT NOT NULL,
    distribution TEXT,
    packages BLOB NOT NULL
);
CREATE INDEX image_content_by_mark ON image_content (mark);
CREATE TABLE image_document (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    config TEXT,
    warnings TEXT NOT NULL,
    sbom BLOB NOT NULL
, notable TEXT);
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
CREATE TABLE image_license (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    license TEXT NOT NULL,
    class TEXT NOT NULL,
    packages BIGINT NOT NULL,
    -- The first few of them, as JSON.
    named TEXT NOT NULL,
    PRIMARY KEY (image_id, license)
);
CREATE INDEX image_license_by_license ON image_license (license, image_id);
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
CREATE TABLE image_use (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    running BIGINT NOT NULL,
    reach BIGINT NOT NULL,
    reached_by TEXT NOT NULL,
    watched BIGINT,
    settled BIGINT NOT NULL,
    noted BIGINT NOT NULL
, priority BIGINT);
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
CREATE TABLE incident_alert (
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (incident_id, finding_id)
);
CREATE INDEX incident_alert_by_finding ON incident_alert (finding_id);
CREATE TABLE incident_event (
    id INTEGER PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    actor TEXT,
    what TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX incident_event_by_incident ON incident_event (incident_id, id);
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
CREATE INDEX incident_queue ON incident (environment_id, state, last_seen)
    WHERE shown = 1;
CREATE TABLE invitation (
    hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    expires BIGINT NOT NULL
);
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
CREATE TABLE mark (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
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
CREATE TABLE oidc_attempt (
    state_hash TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    onward TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    demo BIGINT NOT NULL,
    notice TEXT NOT NULL
);
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
CREATE INDEX package_by_folded_name ON package (LOWER(name));
CREATE INDEX package_by_name ON package (name);
CREATE TABLE package_in_use (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    package_id BIGINT NOT NULL,
    unseeable BIGINT,
    seen BIGINT,
    path TEXT,
    PRIMARY KEY (image_id, package_id)
);
CREATE TABLE place_count (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    findings BIGINT NOT NULL,
    PRIMARY KEY (environment_id, cluster, namespace)
);
CREATE TABLE policy_set (
    id INTEGER PRIMARY KEY,
    connector_id BIGINT NOT NULL REFERENCES connector (id) ON DELETE CASCADE,
    policies TEXT NOT NULL,
    UNIQUE (connector_id, policies)
);
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
    lease_until BIGINT NOT NULL, misread BIGINT NOT NULL DEFAULT 0, misread_at BIGINT, misread_why TEXT,
    UNIQUE (environment_id, name)
);
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
CREATE INDEX registry_event_given_up ON registry_event (registry_id, id)
    WHERE done IS NOT NULL AND error IS NOT NULL;
CREATE INDEX registry_event_old ON registry_event (heard);
CREATE INDEX registry_event_waiting ON registry_event (registry_id, id) WHERE done IS NULL;
CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    registry_id BIGINT NOT NULL REFERENCES registry (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    gone BIGINT,
    -- After which tag its list is read on.
    list_after TEXT, walked BIGINT, unfinished BIGINT NOT NULL DEFAULT 0, error TEXT, list_began BIGINT, list_read BIGINT NOT NULL DEFAULT 0, listed BIGINT,
    UNIQUE (registry_id, name)
);
CREATE TABLE route (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    enabled BIGINT NOT NULL,
    query TEXT NOT NULL,
    environments TEXT NOT NULL,
    events TEXT NOT NULL,
    digest_seconds BIGINT NOT NULL,
    max_per_minute BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    matched BIGINT NOT NULL,
    last_matched BIGINT,
    held TEXT
);
CREATE TABLE rule (
    id INTEGER PRIMARY KEY,
    kind BIGINT NOT NULL,
    name TEXT NOT NULL,
    severity BIGINT NOT NULL,
    title TEXT NOT NULL,
    cvss DOUBLE PRECISION,
    epss DOUBLE PRECISION,
    kev BIGINT NOT NULL,
    tactics BIGINT NOT NULL,
    techniques TEXT NOT NULL,
    published BIGINT,
    details TEXT NOT NULL,
    UNIQUE (name, kind)
);
CREATE INDEX rule_by_folded_name ON rule (LOWER(name));
CREATE TABLE rule_hit (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    hits BIGINT NOT NULL,
    last_hit BIGINT NOT NULL,
    PRIMARY KEY (environment_id, rule_id, day)
);
CREATE TABLE rule_switch (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    note TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, rule)
);
CREATE TABLE rule_use (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    severity BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    assets BIGINT NOT NULL,
    findings BIGINT NOT NULL,
    fixable BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    packages TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, rule_id)
);
CREATE TABLE saved_view (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    name TEXT NOT NULL,
    page TEXT NOT NULL,
    search TEXT NOT NULL,
    shared BIGINT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (owner, name)
);
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
, digest TEXT, registry_id BIGINT, exposed BIGINT NOT NULL DEFAULT 0, attempts BIGINT NOT NULL DEFAULT 0, interrupted BIGINT NOT NULL DEFAULT 0, next_try BIGINT NOT NULL DEFAULT 0, dead BIGINT NOT NULL DEFAULT 0, lease_holder TEXT NOT NULL DEFAULT '', lease_until BIGINT NOT NULL DEFAULT 0);
CREATE INDEX scan_active ON scan (priority, id) WHERE state IN ('queued', 'running');
CREATE INDEX scan_by_digest ON scan (digest);
CREATE INDEX scan_by_image ON scan (image_id, id);
CREATE INDEX scan_dead ON scan (id) WHERE dead = 1;
CREATE TABLE score (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    earned DOUBLE PRECISION NOT NULL,
    possible DOUBLE PRECISION NOT NULL,
    exempted DOUBLE PRECISION NOT NULL
);
CREATE INDEX score_by_time ON score (environment_id, time);
CREATE TABLE score_move (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    rule TEXT NOT NULL,
    change DOUBLE PRECISION NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX score_move_by_time ON score_move (time, environment_id);
CREATE TABLE sensor (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    status TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (environment_id, node)
);
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
CREATE TABLE sensor_policy (
    environment_id BIGINT NOT NULL PRIMARY KEY REFERENCES environment (id) ON DELETE CASCADE,
    revision BIGINT NOT NULL,
    policy TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);
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
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    address TEXT,
    browser TEXT,
    created BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    -- If it is not used; and at the latest.
    expires BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    -- The identity provider's name for it, and what it wants to see at
    -- sign-out.
    provider_session TEXT,
    id_token TEXT
);
CREATE INDEX session_by_account ON session (account_id);
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE sign_in_link (
    hash TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
CREATE TABLE sink (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    secret_names TEXT NOT NULL,
    sealed TEXT,
    paused BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    cursor BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    last_delivered BIGINT,
    answer TEXT
);
CREATE TABLE sink_memory (
    sink_id BIGINT NOT NULL REFERENCES sink (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (sink_id, subject)
);
CREATE TABLE standing (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    severity BIGINT NOT NULL,
    healthy BIGINT NOT NULL,
    affected BIGINT NOT NULL,
    exempted BIGINT NOT NULL,
    not_applicable BIGINT NOT NULL,
    affected_since BIGINT,
    checked BIGINT NOT NULL,
    PRIMARY KEY (environment_id, rule)
);
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
CREATE TABLE tag_image (
    tag_id BIGINT NOT NULL REFERENCES tag (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    platform TEXT,
    PRIMARY KEY (tag_id, digest)
);
CREATE INDEX tag_image_by_digest ON tag_image (digest);
CREATE TABLE trend (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    day BIGINT NOT NULL,
    critical BIGINT NOT NULL,
    high BIGINT NOT NULL,
    medium BIGINT NOT NULL,
    low BIGINT NOT NULL,
    info BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    PRIMARY KEY (environment_id, day)
);
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
CREATE TABLE used_file (
    used_image_id BIGINT NOT NULL REFERENCES used_image (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (used_image_id, path)
);
CREATE TABLE used_image (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    image_id BIGINT,
    identity TEXT,
    told BIGINT NOT NULL,
    UNIQUE (environment_id, digest)
);
CREATE INDEX used_image_by_image ON used_image (image_id) WHERE image_id IS NOT NULL;
CREATE TABLE vex_document (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    statements BIGINT NOT NULL,
    added BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    document BLOB NOT NULL
, source_id BIGINT);
CREATE INDEX vex_document_by_source ON vex_document (source_id);
CREATE TABLE vex_source (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL,
    allow_private BIGINT NOT NULL,
    every_hours BIGINT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    mark TEXT,
    asked BIGINT,
    reached BIGINT,
    changed BIGINT,
    left_out BIGINT NOT NULL,
    error TEXT,
    next_try BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
CREATE TABLE watched_container (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    node TEXT NOT NULL,
    began BIGINT NOT NULL,
    told BIGINT NOT NULL,
    PRIMARY KEY (environment_id, identity)
);
CREATE INDEX watched_container_old ON watched_container (told);
