-- name: job
SELECT * FROM jobs WHERE id = :id;

-- name: lane_heads
SELECT id, urgency FROM jobs
WHERE state IN ('ready', 'changes_requested') AND lane = :lane AND not_before <= :now
    AND (exclusive IS NULL OR NOT EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
ORDER BY urgency DESC, id LIMIT :most;

-- The grant: one statement raises the epoch and says who holds the job. A job that is no longer claimable is not touched.
-- name: grant
UPDATE jobs SET state = 'leased', epoch = epoch + 1, attempt = attempt + 1, agent = :agent, session = :session,
    seq = :seq, expires_at = :expires_at, started = :now, ended = NULL, reason = '', cancel = NULL
WHERE id = :id AND state IN ('ready', 'changes_requested')
    AND (exclusive IS NULL OR NOT EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
RETURNING *;

-- name: add_attempt
INSERT INTO attempts (job, epoch, agent, session, state, claimed)
VALUES (:job, :epoch, :agent, :session, 'live', :now);

-- name: renew
UPDATE jobs SET expires_at = :expires_at
WHERE id = :job AND state = 'leased' AND epoch = :epoch AND session = :session
RETURNING cancel;

-- name: cancel_delivered
UPDATE jobs SET cancel = 'delivered' WHERE id = :job AND epoch = :epoch AND state = 'leased' AND cancel = 'requested';

-- name: leases_of_agent
SELECT * FROM jobs WHERE state = 'leased' AND agent = :agent;

-- name: expired
SELECT * FROM jobs WHERE state = 'leased' AND expires_at <= :now ORDER BY expires_at LIMIT :most;

-- name: next_expiry
SELECT min(expires_at) FROM jobs WHERE state = 'leased';

-- name: forgive
UPDATE jobs SET expires_at = :expires_at WHERE state = 'leased' AND expires_at < :expires_at;

-- The end of an attempt, fenced: only the current holder's epoch and session move the job.
-- name: settle_job
UPDATE jobs SET state = :state, reason = :reason, session = NULL, seq = NULL, expires_at = NULL,
    attempt = attempt - :refund, losses = losses + :lost, not_before = :not_before, ended = :ended,
    cancel = CASE WHEN :state = 'cancelled' THEN 'confirmed' ELSE cancel END,
    change = coalesce(:change, change)
WHERE id = :job AND state = 'leased' AND epoch = :epoch AND session = :session;

-- name: settle_attempt
UPDATE attempts SET state = :state, code = :code, detail = :detail, exit_code = :exit_code, started = :started,
    ended = :ended, spawn_ms = :spawn_ms, wip = CASE WHEN :wip = '' THEN wip ELSE :wip END, containment = :containment, result = :result
WHERE job = :job AND epoch = :epoch AND session = :session AND state = 'live';

-- name: attempt
SELECT * FROM attempts WHERE job = :job AND epoch = :epoch;

-- What was found of a dead run: where its work is kept, never a result.
-- name: keep_wip
UPDATE attempts SET wip = :wip WHERE job = :job AND epoch = :epoch AND wip = '';

-- name: add_spawn
INSERT INTO spawns (kind, at, spawn_ms) VALUES (:kind, :at, :spawn_ms);

-- name: trim_spawns
DELETE FROM spawns WHERE kind = :kind AND at < (
    SELECT at FROM spawns WHERE kind = :kind ORDER BY at DESC LIMIT 1 OFFSET 200);

-- name: release_needing
UPDATE jobs SET state = 'ready', reason = ''
WHERE state = 'blocked' AND id IN (SELECT job FROM needs WHERE needs = :job)
    AND NOT EXISTS (SELECT 1 FROM needs JOIN jobs AS other ON other.id = needs.needs
        WHERE needs.job = jobs.id AND other.state <> 'done')
    AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch AND batches.opens_batch IS NOT NULL
        AND (SELECT count(*) FROM jobs AS x WHERE x.batch = batches.opens_batch AND x.state = 'done')
            < batches.opens_done)
RETURNING id;

-- name: release_batches
UPDATE jobs SET state = 'ready', reason = ''
WHERE state = 'blocked' AND batch IN (
        SELECT id FROM batches WHERE opens_batch = :batch
            AND (SELECT count(*) FROM jobs AS x WHERE x.batch = :batch AND x.state = 'done') >= opens_done)
    AND NOT EXISTS (SELECT 1 FROM needs JOIN jobs AS other ON other.id = needs.needs
        WHERE needs.job = jobs.id AND other.state <> 'done')
RETURNING id;

-- name: request_cancel
UPDATE jobs SET cancel = 'requested' WHERE id = :id AND state = 'leased' AND cancel IS NULL;

-- name: move_job
UPDATE jobs SET state = :state, reason = :reason, ended = :ended, not_before = :not_before,
    attempt = CASE WHEN :fresh = 1 THEN 0 ELSE attempt END, losses = CASE WHEN :fresh = 1 THEN 0 ELSE losses END,
    cancel = CASE WHEN :state = 'cancelled' THEN 'confirmed' ELSE NULL END
WHERE id = :id AND state = :old;
