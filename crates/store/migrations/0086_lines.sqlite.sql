-- Text inside findings' own lines, by every three letters of them. It
-- holds no text itself: that is the finding's.
CREATE VIRTUAL TABLE finding_line USING fts5 (
    summary, content = 'finding', content_rowid = 'id', tokenize = 'trigram', columnsize = 0
);

INSERT INTO finding_line (rowid, summary)
SELECT id, summary FROM finding WHERE summary IS NOT NULL;

CREATE TRIGGER finding_line_added AFTER INSERT ON finding
WHEN new.summary IS NOT NULL BEGIN
    INSERT INTO finding_line (rowid, summary) VALUES (new.id, new.summary);
END;

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
