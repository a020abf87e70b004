-- Rows that are counted up again and again are written anew beside
-- themselves, where there is room, and no index of theirs is touched.
-- (Text inside lines is found by an index that needs an extension: it is
-- made when the program starts, where the database allows it.)
ALTER TABLE finding SET (fillfactor = 85);
ALTER TABLE asset SET (fillfactor = 70);
ALTER TABLE rule_use SET (fillfactor = 50);
ALTER TABLE finding_count SET (fillfactor = 50);
ALTER TABLE place_count SET (fillfactor = 50);
