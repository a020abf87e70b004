-- What others say of vulnerabilities in products, as it came: JSON,
-- compressed. Without an environment it holds everywhere.
CREATE TABLE vex_document (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    environment_id BIGINT REFERENCES environment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    statements BIGINT NOT NULL,
    added BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    document BLOB NOT NULL
);
