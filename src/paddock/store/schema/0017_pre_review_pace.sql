-- Dispatch of a project slows while a change of its waits for longer than this; 0: never. `slowed` is since when it is.
ALTER TABLE review_rules ADD COLUMN slow_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review_rules ADD COLUMN slow_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE review_rules ADD COLUMN slowed INTEGER NOT NULL DEFAULT 0;
