-- The container of an object a finding is about, where it is about one:
-- the asset is the workload.
ALTER TABLE finding ADD COLUMN container TEXT;

CREATE INDEX finding_by_container ON finding (LOWER(container)) WHERE container IS NOT NULL;
