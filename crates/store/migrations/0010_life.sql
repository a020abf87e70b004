-- The life of findings of every kind: what they are about (assets), what
-- says so (rules), what happened to them, what people decided, and the
-- roll-ups that every total and facet is read from.

-- What says so: a vulnerability, a check, a detection rule. Kinds:
-- 0 vulnerability, 1 misconfiguration, 2 alert, 3 secret, 4 malware.
-- Tactics: one bit for each of ATT&CK's, in the matrix's order.
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

INSERT INTO rule (kind, name, severity, title, cvss, epss, kev, tactics, techniques, published,
    details)
SELECT 0, name, severity, title, cvss, epss, kev, 0, '[]', published, details
FROM vulnerability ORDER BY id;

-- Everything findings are about, as one tree. A parent of 0: none. The
-- counts are of open findings: its own, and with everything below it.
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

CREATE INDEX asset_by_parent ON asset (parent_id, kind);
CREATE INDEX asset_by_image ON asset (image_id) WHERE image_id IS NOT NULL;

INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name, labels, facts,
    first_seen, last_seen)
SELECT 'environment-' || environment.name, environment.id, 0, 'environment', environment.name,
    environment.title, '{}', '{}', COALESCE(MIN(image.first_scanned), 0),
    COALESCE(MAX(image.assessed), 0)
FROM environment LEFT JOIN image ON image.environment_id = environment.id
GROUP BY environment.id, environment.name, environment.title
ORDER BY environment.id;

-- A machine whose own root file system was looked at is a host.
INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name, cluster, labels, facts,
    first_seen, last_seen)
SELECT 'host-' || image.uid, image.environment_id, asset.id, 'host', image.name, image.name,
    image.name, '{}', '{}', MIN(image.first_scanned), MAX(image.assessed)
FROM image JOIN asset ON asset.environment_id = image.environment_id
    AND asset.kind = 'environment'
WHERE image.kind = 'rootfs' AND image.target = 'dir:/'
GROUP BY image.uid, image.environment_id, asset.id, image.name;

INSERT INTO asset (uid, environment_id, parent_id, kind, identity, name, cluster, labels, facts,
    image_id, first_seen, last_seen)
SELECT image.uid, image.environment_id, COALESCE(host.id, top.id), 'image',
    image.uid, image.name, host.name, '{}', '{}', image.id,
    image.first_scanned, image.assessed
FROM image
JOIN asset AS top ON top.environment_id = image.environment_id AND top.kind = 'environment'
LEFT JOIN asset AS host ON host.environment_id = image.environment_id AND host.kind = 'host'
    AND host.identity = image.name AND image.kind = 'rootfs' AND image.target = 'dir:/'
ORDER BY image.id;

-- States: 0 open, 1 resolved, 2 dismissed, 3 exempted. Progress: 0 new,
-- 1 in progress. Without a time of its own an unresolved finding was
-- last seen when its asset was, so looking again rewrites no row. A
-- resolved one keeps its decision: coming back does not reopen it.
ALTER TABLE finding RENAME TO finding_before;

CREATE TABLE finding (
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
    UNIQUE (asset_id, fingerprint)
);

INSERT INTO finding (environment_id, asset_id, image_id, kind, rule_id, package_id, fingerprint,
    severity, rank, state, suppressed, suppression, fix_state, fix_versions, fixable, advisories,
    path, layer, occurrences, first_seen, last_seen, resolved, progress, comments)
SELECT old.environment_id, asset.id, old.image_id, 0, rule.id, old.package_id, old.fingerprint,
    old.severity, old.rank, old.state, old.suppressed, old.suppression, old.fix_state,
    old.fix_versions, old.fixable, old.advisories, old.path, old.layer, 1, old.first_seen,
    old.last_seen, old.resolved, 0, 0
FROM finding_before AS old
JOIN asset ON asset.image_id = old.image_id
JOIN vulnerability ON vulnerability.id = old.vulnerability_id
JOIN rule ON rule.name = vulnerability.name AND rule.kind = 0
ORDER BY old.first_seen, old.id;

DROP TABLE finding_before;

-- The queue: worst first, newest first among equals. Its condition is
-- what counts; a query must repeat it with literals.
CREATE INDEX finding_queue ON finding (environment_id, kind, rank, id)
    WHERE state = 0 AND suppressed = 0;
CREATE INDEX finding_by_rule ON finding (rule_id, asset_id, state, suppressed);
CREATE INDEX finding_exempted ON finding (exemption_id) WHERE exemption_id IS NOT NULL;

-- What was seen, as it was recorded.
CREATE TABLE finding_evidence (
    finding_id BIGINT PRIMARY KEY REFERENCES finding (id) ON DELETE CASCADE,
    evidence TEXT NOT NULL
);

-- What happened to a finding after it opened. Without an actor: the
-- product itself, by evidence.
CREATE TABLE finding_event (
    id INTEGER PRIMARY KEY,
    finding_id BIGINT NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
    time BIGINT NOT NULL,
    actor TEXT,
    what TEXT NOT NULL,
    text TEXT NOT NULL
);

CREATE INDEX finding_event_by_finding ON finding_event (finding_id, id);

-- Somebody's action on findings, and what each was before it, so that
-- it can be taken back.
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

-- States: 0 active, 1 expired, 2 revoked. The count is of the findings
-- it holds.
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

-- Roll-ups. Findings by everything totals and facets ask for.
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

INSERT INTO finding_count (environment_id, kind, severity, state, suppressed, fixable, kev,
    findings)
SELECT environment_id, kind, severity, state, suppressed, fixable, rank / 1000000 % 2, COUNT(*)
FROM finding
GROUP BY environment_id, kind, severity, state, suppressed, fixable, rank / 1000000 % 2;

-- Where a rule has open findings: in how many assets, since when, and
-- the first few packages met.
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

INSERT INTO rule_use (environment_id, rule_id, kind, severity, rank, assets, findings, fixable,
    critical, high, medium, low, info, unknown, packages, first_seen, last_seen)
SELECT finding.environment_id, finding.rule_id, 0, MAX(finding.severity), MAX(finding.rank),
    COUNT(DISTINCT finding.asset_id), COUNT(*), SUM(finding.fixable),
    SUM(CASE finding.severity WHEN 5 THEN 1 ELSE 0 END),
    SUM(CASE finding.severity WHEN 4 THEN 1 ELSE 0 END),
    SUM(CASE finding.severity WHEN 3 THEN 1 ELSE 0 END),
    SUM(CASE finding.severity WHEN 2 THEN 1 ELSE 0 END),
    SUM(CASE finding.severity WHEN 1 THEN 1 ELSE 0 END),
    SUM(CASE finding.severity WHEN 0 THEN 1 ELSE 0 END),
    COALESCE(MAX(vulnerability_use.packages), '[]'), MIN(finding.first_seen),
    MAX(finding.first_seen)
FROM finding
JOIN rule ON rule.id = finding.rule_id
JOIN vulnerability ON vulnerability.name = rule.name
LEFT JOIN vulnerability_use ON vulnerability_use.vulnerability_id = vulnerability.id
    AND vulnerability_use.environment_id = finding.environment_id
WHERE finding.state = 0 AND finding.suppressed = 0
GROUP BY finding.environment_id, finding.rule_id;

DROP TABLE vulnerability_use;
DROP TABLE vulnerability;

CREATE INDEX counting ON finding (asset_id, severity) WHERE state = 0 AND suppressed = 0;

UPDATE asset SET
    own_critical = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 5 AND finding.state = 0 AND finding.suppressed = 0),
    own_high = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 4 AND finding.state = 0 AND finding.suppressed = 0),
    own_medium = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 3 AND finding.state = 0 AND finding.suppressed = 0),
    own_low = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 2 AND finding.state = 0 AND finding.suppressed = 0),
    own_info = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 1 AND finding.state = 0 AND finding.suppressed = 0),
    own_unknown = (SELECT COUNT(*) FROM finding WHERE finding.asset_id = asset.id
        AND finding.severity = 0 AND finding.state = 0 AND finding.suppressed = 0)
WHERE kind = 'image';

DROP INDEX counting;

UPDATE asset SET critical = own_critical, high = own_high, medium = own_medium, low = own_low,
    info = own_info, unknown = own_unknown
WHERE kind = 'image';

UPDATE asset SET
    critical = (SELECT COALESCE(SUM(below.critical), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    high = (SELECT COALESCE(SUM(below.high), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    medium = (SELECT COALESCE(SUM(below.medium), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    low = (SELECT COALESCE(SUM(below.low), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    info = (SELECT COALESCE(SUM(below.info), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    unknown = (SELECT COALESCE(SUM(below.unknown), 0) FROM asset AS below
        WHERE below.parent_id = asset.id)
WHERE kind = 'host';

UPDATE asset SET
    critical = (SELECT COALESCE(SUM(below.critical), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    high = (SELECT COALESCE(SUM(below.high), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    medium = (SELECT COALESCE(SUM(below.medium), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    low = (SELECT COALESCE(SUM(below.low), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    info = (SELECT COALESCE(SUM(below.info), 0) FROM asset AS below
        WHERE below.parent_id = asset.id),
    unknown = (SELECT COALESCE(SUM(below.unknown), 0) FROM asset AS below
        WHERE below.parent_id = asset.id)
WHERE kind = 'environment';

UPDATE image SET
    critical = (SELECT own_critical FROM asset WHERE asset.uid = image.uid),
    high = (SELECT own_high FROM asset WHERE asset.uid = image.uid),
    medium = (SELECT own_medium FROM asset WHERE asset.uid = image.uid),
    low = (SELECT own_low FROM asset WHERE asset.uid = image.uid),
    info = (SELECT own_info FROM asset WHERE asset.uid = image.uid),
    unknown = (SELECT own_unknown FROM asset WHERE asset.uid = image.uid);
