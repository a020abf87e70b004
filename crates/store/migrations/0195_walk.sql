-- When a repository was last walked, whether that walk stopped before
-- its end, and why it could not be read (JSON).
ALTER TABLE repository ADD COLUMN walked BIGINT;
ALTER TABLE repository ADD COLUMN unfinished BIGINT NOT NULL DEFAULT 0;
ALTER TABLE repository ADD COLUMN error TEXT;
-- "list_after" is the page its list is read on from, as the registry
-- named it. When that reading began, how many names it had so far, and
-- when one was last read to its end.
ALTER TABLE repository ADD COLUMN list_began BIGINT;
ALTER TABLE repository ADD COLUMN list_read BIGINT NOT NULL DEFAULT 0;
ALTER TABLE repository ADD COLUMN listed BIGINT;
UPDATE repository SET list_after = NULL;

-- What a registry told and nobody could read: how often, when and why it
-- last did.
ALTER TABLE registry ADD COLUMN misread BIGINT NOT NULL DEFAULT 0;
ALTER TABLE registry ADD COLUMN misread_at BIGINT;
ALTER TABLE registry ADD COLUMN misread_why TEXT;

CREATE INDEX registry_event_given_up ON registry_event (registry_id, id)
    WHERE done IS NOT NULL AND error IS NOT NULL;
