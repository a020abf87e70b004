-- Events of other sensors that were taken, so that one delivered again
-- is known. Kept for a week.
CREATE TABLE alert_receipt (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    received BIGINT NOT NULL,
    PRIMARY KEY (environment_id, event)
);

CREATE INDEX alert_receipt_by_time ON alert_receipt (received);
