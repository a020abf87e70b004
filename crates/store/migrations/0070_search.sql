-- A search finds packages first, then their findings.
CREATE INDEX finding_by_package ON finding (package_id) WHERE state = 0 AND suppressed = 0;
