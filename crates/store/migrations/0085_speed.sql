-- Every index is written for every finding that comes. What is asked of
-- a rule and an asset together is found beside the asset, where the
-- findings of one burst lie next to each other.
DROP INDEX finding_by_rule;
CREATE INDEX finding_by_rule ON finding (rule_id);
CREATE INDEX finding_by_asset ON finding (asset_id, rule_id, state, suppressed);
DROP INDEX finding_by_package;
CREATE INDEX finding_by_package ON finding (package_id)
    WHERE state = 0 AND suppressed = 0 AND package_id IS NOT NULL;

-- A roll-up: open findings by where their assets are. Empty: in none.
CREATE TABLE place_count (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    cluster TEXT NOT NULL,
    namespace TEXT NOT NULL,
    findings BIGINT NOT NULL,
    PRIMARY KEY (environment_id, cluster, namespace)
);

INSERT INTO place_count (environment_id, cluster, namespace, findings)
SELECT environment_id, COALESCE(cluster, ''), COALESCE(namespace, ''),
    SUM(own_critical + own_high + own_medium + own_low + own_info + own_unknown)
FROM asset
WHERE own_critical + own_high + own_medium + own_low + own_info + own_unknown > 0
    AND (cluster IS NOT NULL OR namespace IS NOT NULL)
GROUP BY environment_id, COALESCE(cluster, ''), COALESCE(namespace, '');
