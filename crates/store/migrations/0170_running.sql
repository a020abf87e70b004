-- Who uses an image, as the priorities of its findings were last made of
-- it. "reach": 0 nothing runs it, 1 from inside, 2 not known, 3 by the
-- node, 4 from outside. "watched": since when every container of it was
-- watched; "settled": for long enough to say that something was not seen.
CREATE TABLE image_use (
    image_id BIGINT PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE,
    running BIGINT NOT NULL,
    reach BIGINT NOT NULL,
    reached_by TEXT NOT NULL,
    watched BIGINT,
    settled BIGINT NOT NULL,
    noted BIGINT NOT NULL
);

-- Packages of images that sensors watch: when a file of them was last
-- seen in use, and which; else why none can be.
CREATE TABLE package_in_use (
    image_id BIGINT NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    package_id BIGINT NOT NULL,
    unseeable BIGINT,
    seen BIGINT,
    path TEXT,
    PRIMARY KEY (image_id, package_id)
);

-- Images as sensors know them. "identity" is the image's when it was
-- found: what was seen holds of that build alone.
CREATE TABLE used_image (
    id INTEGER PRIMARY KEY,
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    image_id BIGINT,
    identity TEXT,
    told BIGINT NOT NULL,
    UNIQUE (environment_id, digest)
);

CREATE INDEX used_image_by_image ON used_image (image_id) WHERE image_id IS NOT NULL;

-- Files of them that were executed or loaded, from the container's root.
CREATE TABLE used_file (
    used_image_id BIGINT NOT NULL REFERENCES used_image (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (used_image_id, path)
);

-- Containers whose files a sensor looks at, from when to when.
CREATE TABLE watched_container (
    environment_id BIGINT NOT NULL REFERENCES environment (id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    node TEXT NOT NULL,
    began BIGINT NOT NULL,
    told BIGINT NOT NULL,
    PRIMARY KEY (environment_id, identity)
);

CREATE INDEX watched_container_old ON watched_container (told);

-- How pressing a vulnerability is, 0 to 1000; of all else 0.
ALTER TABLE finding ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;

CREATE INDEX finding_priority ON finding (environment_id, priority, id)
    WHERE state = 0 AND suppressed = 0 AND kind = 0;
