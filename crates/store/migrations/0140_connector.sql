-- Connectors of clusters, as they last told: JSON; and how far what they
-- send was taken in.
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

-- Sets of policies that objects were judged by: JSON.
CREATE TABLE policy_set (
    id INTEGER PRIMARY KEY,
    connector_id BIGINT NOT NULL REFERENCES connector (id) ON DELETE CASCADE,
    policies TEXT NOT NULL,
    UNIQUE (connector_id, policies)
);

-- What is in a cluster.
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

CREATE INDEX cluster_object_by_owner
    ON cluster_object (connector_id, namespace, owner_kind, owner_name);
CREATE INDEX cluster_object_by_set ON cluster_object (connector_id, set_id);
CREATE INDEX cluster_object_by_asset ON cluster_object (asset_id);
