-- Finds what was resolved long ago without reading every finding.
CREATE INDEX finding_resolved ON finding (resolved) WHERE state = 1;
