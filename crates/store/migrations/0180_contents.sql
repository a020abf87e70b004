-- What is in images beside packages: files that matter for how they are
-- (JSON), and licences, a row for each that any package names.
ALTER TABLE image_document ADD COLUMN notable TEXT;
CREATE TABLE image_license (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    license TEXT NOT NULL,
    class TEXT NOT NULL,
    packages BIGINT NOT NULL,
    -- The first few of them, as JSON.
    named TEXT NOT NULL,
    PRIMARY KEY (image_id, license)
);
CREATE INDEX image_license_by_license ON image_license (license, image_id);
