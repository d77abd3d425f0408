-- name: fact
SELECT value FROM fleet WHERE name = :name;

-- name: set_fact
INSERT INTO fleet (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- One look at whether anything wants doing; the clock is the one that all replicas go by.
-- name: pulse
SELECT (SELECT max(seq) FROM journal) AS seq,
    (SELECT min(expires_at) FROM jobs WHERE state = 'leased') AS expiry,
    (SELECT value FROM fleet WHERE name = 'kept') AS kept,
    (SELECT min(next_at) FROM schedules WHERE paused = 0) AS schedule,
    CAST(unixepoch('subsec') * 1000 AS INTEGER) AS clock;

-- name: agents_touched
SELECT DISTINCT agent FROM journal
WHERE seq > :after AND type IN
    ('agent.activated', 'agent.draining', 'agent.resumed', 'session.started', 'agent.quarantined', 'agent.lifted',
    'agent.terminated');

-- name: standing_of
SELECT agents.*, (SELECT count(*) FROM jobs WHERE jobs.state = 'leased' AND jobs.agent = agents.id) AS leases
FROM agents WHERE id = :agent;

-- name: log_end
SELECT start + length(data) FROM logs WHERE job = :job AND epoch = :epoch AND stream = :stream ORDER BY start DESC LIMIT 1;

-- name: add_log
INSERT INTO logs (job, epoch, stream, start, data) VALUES (:job, :epoch, :stream, :start, :data);

-- name: log_parts
SELECT start, data FROM logs
WHERE job = :job AND epoch = :epoch AND stream = :stream AND start < :until AND start >= coalesce((
    SELECT max(start) FROM logs
    WHERE job = :job AND epoch = :epoch AND stream = :stream AND start <= :offset), 0)
ORDER BY start;
