-- name: pause_project
UPDATE projects SET paused_until = :until, paused_at = :at, paused_by = :by, pause_note = :note WHERE name = :name;

-- name: weigh_project
UPDATE projects SET weight = :weight WHERE name = :name;

-- name: holder_of_exclusive
SELECT name FROM jobs WHERE state = 'leased' AND exclusive = :key;

-- name: paused
SELECT name, paused_until FROM projects WHERE paused_until > :now;

-- name: set_limit
INSERT INTO limits (name, key, project, kind, capability, most, starts, window_ms, updated)
VALUES (:name, :key, :project, :kind, :capability, :most, :starts, :window_ms, :updated)
ON CONFLICT (name) DO UPDATE SET most = excluded.most, starts = excluded.starts, window_ms = excluded.window_ms,
    updated = excluded.updated;

-- name: remove_limit
DELETE FROM limits WHERE name = :name AND (most IS NOT NULL OR starts IS NOT NULL);

-- name: mark_pause
INSERT INTO limits (name, project, updated) VALUES (:name, :project, :updated) ON CONFLICT (name) DO NOTHING;

-- name: forget_pauses
DELETE FROM limits WHERE most IS NULL AND starts IS NULL
    AND NOT EXISTS (SELECT 1 FROM projects WHERE projects.name = limits.project AND paused_until > :now);

-- name: forget_starts
DELETE FROM starts WHERE limit_name = :name AND at <= :before;

-- name: count_limits
SELECT count(*) FROM limits WHERE name <> :but;

-- Every limit with what began within its window.
-- name: limits_now
SELECT limits.*, coalesce(recent.started, 0) AS started, recent.oldest AS oldest
FROM limits LEFT JOIN (
    SELECT starts.limit_name, count(*) AS started, min(starts.at) AS oldest
    FROM starts JOIN limits AS of_start ON of_start.name = starts.limit_name
    WHERE starts.at > :now - of_start.window_ms GROUP BY starts.limit_name) AS recent ON recent.limit_name = limits.name
WHERE limits.most IS NOT NULL OR limits.starts IS NOT NULL ORDER BY limits.name;

-- Live leases by lane and, apart from them for no lane is called so, the projects whose weight is not 1.
-- name: standings
SELECT lane AS name, count(*) AS n FROM jobs WHERE state = 'leased' GROUP BY lane
UNION ALL
SELECT name, weight AS n FROM projects WHERE weight <> 1;

-- name: add_start
INSERT INTO starts (limit_name, job, epoch, at) VALUES (:limit_name, :job, :epoch, :at)
ON CONFLICT (limit_name, job, epoch) DO NOTHING;
