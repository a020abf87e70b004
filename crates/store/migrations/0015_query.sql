-- The query grammar ignores the case of the letters a to z; what it asks
-- for by whole names is looked up in these.
CREATE INDEX rule_by_folded_name ON rule (LOWER(name));
CREATE INDEX package_by_folded_name ON package (LOWER(name));
CREATE INDEX asset_by_folded_name ON asset (LOWER(name));
CREATE INDEX image_by_folded_name ON image (LOWER(name));
