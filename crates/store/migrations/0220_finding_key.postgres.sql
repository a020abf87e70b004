-- One index by asset in place of two: what an asset is looked up for is
-- a rule's findings, or one of them, and those that come with a change of
-- advisories then lie next to each other in it.
ALTER TABLE finding DROP CONSTRAINT finding_asset_id_fingerprint_key;
DROP INDEX finding_by_asset;
CREATE UNIQUE INDEX finding_by_asset ON finding (asset_id, rule_id, fingerprint);
