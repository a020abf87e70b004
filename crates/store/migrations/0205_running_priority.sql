-- The highest priority among an image's open findings, as it was when
-- what runs was last looked at: running images are ordered by it, and it
-- costs nothing where findings are written. Null: not looked at yet.
ALTER TABLE image_use ADD COLUMN priority BIGINT;
