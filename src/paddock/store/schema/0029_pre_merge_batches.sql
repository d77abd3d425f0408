-- How many changes the merge queue takes at once now, up to what the project's rules let it: more after green, fewer
-- after red.
ALTER TABLE review_rules ADD COLUMN batch_now INTEGER NOT NULL DEFAULT 1;
