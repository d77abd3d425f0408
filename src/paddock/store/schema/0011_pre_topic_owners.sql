-- Topics of a project, a job or an agent, whose names are `space:owner:name`; empty where a topic is everybody's.
ALTER TABLE topics ADD COLUMN owner TEXT NOT NULL DEFAULT '';
-- Bytes of the events that a topic has, so that no write counts them.
ALTER TABLE topics ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX topics_of_owner ON topics (owner);
UPDATE topics SET bytes = coalesce(
    (SELECT CAST(sum(octet_length(event)) AS INTEGER) FROM events WHERE events.topic = topics.name), 0);
