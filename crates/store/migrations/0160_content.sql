-- What an image holds, in little space: its packages' ids in ascending
-- order, each as the distance from the one before, seven bits a byte;
-- and what its findings are named by. The mark is of the write that came
-- last: who has seen one has seen all below it.
CREATE TABLE image_content (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    mark BIGINT NOT NULL,
    subject TEXT NOT NULL,
    distribution TEXT,
    packages BLOB NOT NULL
);

CREATE INDEX image_content_by_mark ON image_content (mark);

-- Numbers that only grow.
CREATE TABLE mark (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Why findings opened, where it was no scan: an advisory changed.
CREATE TABLE cause (
    id INTEGER PRIMARY KEY,
    time BIGINT NOT NULL,
    text TEXT NOT NULL
);

ALTER TABLE finding ADD COLUMN cause_id BIGINT;
