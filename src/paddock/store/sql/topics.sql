-- name: add_topic
INSERT INTO topics (name, owner, keep_ms, keep_count, created)
VALUES (:name, :owner, :keep_ms, :keep_count, :created)
ON CONFLICT (name) DO NOTHING;

-- name: keep_topic
UPDATE topics SET keep_ms = :keep_ms, keep_count = :keep_count WHERE name = :name;

-- Positions have no gaps, and what is dropped is dropped from the front: the first and the last say how many there are.
-- name: topic
SELECT name, owner, keep_ms, keep_count, last, created, bytes,
    coalesce(last + 1 - (SELECT min(position) FROM events WHERE events.topic = topics.name), 0) AS events,
    (SELECT at FROM events WHERE events.topic = topics.name AND events.position = topics.last) AS last_at
FROM topics WHERE name = :name;

-- name: topics
SELECT name, owner, keep_ms, keep_count, last, created, bytes,
    coalesce(last + 1 - (SELECT min(position) FROM events WHERE events.topic = topics.name), 0) AS events,
    (SELECT at FROM events WHERE events.topic = topics.name AND events.position = topics.last) AS last_at
FROM topics WHERE name > :after AND substr(name, 1, length(:prefix)) = :prefix ORDER BY name LIMIT :most;

-- name: topics_owned
SELECT name, owner, keep_ms, keep_count, last, created, bytes,
    coalesce(last + 1 - (SELECT min(position) FROM events WHERE events.topic = topics.name), 0) AS events,
    (SELECT at FROM events WHERE events.topic = topics.name AND events.position = topics.last) AS last_at
FROM topics WHERE owner = :owner ORDER BY name;

-- name: topic_held
SELECT owner, keep_ms, keep_count, last, bytes FROM topics WHERE name = :name;

-- name: topics_of
SELECT count(*) FROM topics WHERE owner = :owner;

-- name: move_topic
UPDATE topics SET last = :last, bytes = :bytes WHERE name = :name;

-- Topics with events older than they keep: those that nobody publishes to, for publishing drops them too.
-- name: topics_aged
SELECT name FROM topics WHERE keep_ms > 0 AND EXISTS (
    SELECT 1 FROM events WHERE events.topic = topics.name AND events.at < :now - topics.keep_ms)
ORDER BY name LIMIT :most;

-- name: event_known
SELECT position FROM events WHERE topic = :topic AND source = :source AND id = :id;

-- name: add_event
INSERT INTO events (topic, position, at, source, id, event) VALUES (:topic, :position, :at, :source, :id, :event);

-- name: events_after
SELECT position, at, event FROM events WHERE topic = :topic AND position > :after ORDER BY position LIMIT :most;

-- name: events_first
SELECT position, at, octet_length(event) AS size FROM events WHERE topic = :topic ORDER BY position LIMIT :most;

-- name: drop_events
DELETE FROM events WHERE topic = :topic AND position <= :until;

-- name: drop_deliveries
DELETE FROM deliveries WHERE topic = :topic AND position <= :until
    AND name IN (SELECT name FROM consumers WHERE consumers.topic = :topic);

-- name: group
SELECT topic, name, next, created FROM consumers WHERE topic = :topic AND name = :name;

-- Of the topics from one to another, in their order.
-- name: groups
SELECT topic, name, next, created,
    (SELECT count(*) FROM deliveries AS d WHERE d.topic = consumers.topic AND d.name = consumers.name AND d.dead = 0)
        AS pending,
    (SELECT count(*) FROM deliveries AS d WHERE d.topic = consumers.topic AND d.name = consumers.name AND d.dead = 1)
        AS dead,
    coalesce((SELECT last FROM topics WHERE topics.name = consumers.topic) + 1
        - (SELECT min(position) FROM events WHERE events.topic = consumers.topic AND position >= next), 0) AS behind
FROM consumers WHERE topic >= :first AND topic <= :last ORDER BY topic, name LIMIT :most;

-- name: add_group
INSERT INTO consumers (topic, name, next, created) VALUES (:topic, :name, :next, :created)
ON CONFLICT (topic, name) DO NOTHING;

-- name: move_group
UPDATE consumers SET next = :next WHERE topic = :topic AND name = :name;

-- name: deliveries_over
SELECT d.position, d.tries, events.at, events.event FROM deliveries AS d
JOIN events ON events.topic = d.topic AND events.position = d.position
WHERE d.topic = :topic AND d.name = :name AND d.dead = 0 AND d.until <= :now ORDER BY d.position LIMIT :most;

-- name: set_delivery
INSERT INTO deliveries (topic, name, position, token, consumer, tries, dead, until)
VALUES (:topic, :name, :position, :token, :consumer, :tries, :dead, :until)
ON CONFLICT (topic, name, position) DO UPDATE SET token = excluded.token, consumer = excluded.consumer,
    tries = excluded.tries, dead = excluded.dead, until = excluded.until;

-- name: drop_delivery
DELETE FROM deliveries WHERE topic = :topic AND name = :name AND token = :token;

-- name: return_delivery
UPDATE deliveries SET until = :now WHERE topic = :topic AND name = :name AND token = :token AND dead = 0;

-- name: topics_usage
SELECT CASE WHEN owner = '' THEN 'operators' WHEN owner LIKE 'job:%' THEN 'job'
    WHEN owner LIKE 'agent:%' THEN 'agent' ELSE 'project' END AS space,
    count(*) AS topics, CAST(sum(bytes) AS INTEGER) AS bytes, CAST(sum(
        coalesce(last + 1 - (SELECT min(position) FROM events WHERE events.topic = topics.name), 0)) AS INTEGER) AS events
FROM topics GROUP BY 1;

-- name: groups_usage
SELECT count(*) AS groups, coalesce(max(topics.last + 1 - consumers.next), 0) AS behind
FROM consumers JOIN topics ON topics.name = consumers.topic;

-- name: deliveries_usage
SELECT dead, count(*) AS deliveries FROM deliveries GROUP BY dead;

-- What never changes about these jobs.
-- name: job_facts
SELECT id, name, batch, project, kind, requires, labels FROM jobs
WHERE id IN (SELECT value FROM json_each(:ids));
