-- One index by asset in place of two: what an asset is looked up for is
-- a rule's findings, or one of them, and those that come with a change of
-- advisories then lie next to each other in it. A key told in the table
-- cannot be dropped, so the table is made anew.
CREATE TABLE finding_after (
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

INSERT INTO finding_after (id, environment_id, asset_id, image_id, kind, rule_id, package_id,
    fingerprint, severity, rank, state, suppressed, suppression, fix_state, fix_versions, fixable,
    advisories, path, layer, summary, occurrences, first_seen, last_seen, resolved, progress,
    assignee, due, comments, reason, note, decided_by, decided, exemption_id, action_id, cause_id,
    priority, container)
SELECT id, environment_id, asset_id, image_id, kind, rule_id, package_id,
    fingerprint, severity, rank, state, suppressed, suppression, fix_state, fix_versions, fixable,
    advisories, path, layer, summary, occurrences, first_seen, last_seen, resolved, progress,
    assignee, due, comments, reason, note, decided_by, decided, exemption_id, action_id, cause_id,
    priority, container
FROM finding ORDER BY id;

DROP TABLE finding;
ALTER TABLE finding_after RENAME TO finding;

CREATE UNIQUE INDEX finding_by_asset ON finding (asset_id, rule_id, fingerprint);
CREATE INDEX finding_queue ON finding (environment_id, kind, rank, id)
    WHERE state = 0 AND suppressed = 0;
CREATE INDEX finding_priority ON finding (environment_id, priority, id)
    WHERE state = 0 AND suppressed = 0 AND kind = 0;
CREATE INDEX finding_by_rule ON finding (rule_id);
CREATE INDEX finding_by_package ON finding (package_id)
    WHERE state = 0 AND suppressed = 0 AND package_id IS NOT NULL;
CREATE INDEX finding_by_container ON finding (LOWER(container)) WHERE container IS NOT NULL;
CREATE INDEX finding_exempted ON finding (exemption_id) WHERE exemption_id IS NOT NULL;
CREATE INDEX finding_resolved ON finding (resolved) WHERE state = 1;

-- A line that comes is put into the index of lines by whoever writes the
-- finding: a trigger would make each insert one that can be half done,
-- with a journal of its own.
CREATE TRIGGER finding_line_removed AFTER DELETE ON finding
WHEN old.summary IS NOT NULL BEGIN
    INSERT INTO finding_line (finding_line, rowid, summary)
    VALUES ('delete', old.id, old.summary);
END;

CREATE TRIGGER finding_line_left AFTER UPDATE OF summary ON finding
WHEN old.summary IS NOT NULL AND old.summary IS NOT new.summary BEGIN
    INSERT INTO finding_line (finding_line, rowid, summary)
    VALUES ('delete', old.id, old.summary);
END;

CREATE TRIGGER finding_line_entered AFTER UPDATE OF summary ON finding
WHEN new.summary IS NOT NULL AND old.summary IS NOT new.summary BEGIN
    INSERT INTO finding_line (rowid, summary) VALUES (new.id, new.summary);
END;
