-- name: pulse
SELECT (SELECT max(seq) FROM journal) AS seq,
    (SELECT min(expires_at) FROM jobs WHERE state = 'leased') AS expiry,
    (SELECT value FROM fleet WHERE name = 'kept') AS kept,
    (SELECT min(next_at) FROM schedules WHERE paused = 0) AS schedule,
    CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS clock;
