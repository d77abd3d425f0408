-- Parameters called `ids` are a JSON list of texts. Where jobs are named by their ids, `coalesce(state, '')` keeps a
-- database from walking a partial index on the state instead.
-- name: job
SELECT * FROM jobs WHERE id = :id;

-- Whether anything is limited or paused, and whether it may cost no more than something, is told along.
-- name: lane_heads
SELECT id, urgency, exclusive, EXISTS (SELECT 1 FROM limits) AS held,
    budget <> '{}' OR EXISTS (SELECT 1 FROM budgets) AS metered
FROM jobs
WHERE state IN ('ready', 'changes_requested') AND lane = :lane AND not_before <= :now
    AND (exclusive IS NULL OR NOT EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
ORDER BY urgency DESC, id LIMIT :most;

-- The grant: one statement raises the epoch and says who holds the jobs. One that is no longer claimable is not touched,
-- and a session that was replaced gets none.
-- name: grant
UPDATE jobs SET state = 'leased', epoch = epoch + 1, attempt = attempt + 1, agent = :agent, session = :session,
    seq = :seq, expires_at = :expires_at, started = :now, ended = NULL, reason = '', cancel = NULL, wip = '',
    reserved_money = NULL, reserved_tokens = NULL, allowed = ''
WHERE id IN (SELECT value FROM json_each(:ids)) AND coalesce(state, '') IN ('ready', 'changes_requested')
    AND (exclusive IS NULL OR NOT EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
    AND EXISTS (SELECT 1 FROM agents WHERE agents.id = :agent AND agents.session = :session)
RETURNING id, name, project, kind, lane, attempt, epoch, session, urgency, payload, scope, accept, timeout, allowed;

-- name: lease_order
SELECT id, name, project, kind, lane, attempt, epoch, session, urgency, payload, scope, accept, timeout, allowed
FROM jobs WHERE id = :id;

-- name: leases_held
SELECT id, epoch, session, seq, cancel, expires_at FROM jobs WHERE state = 'leased' AND agent = :agent;

-- name: renew
UPDATE jobs SET expires_at = :expires_at
WHERE coalesce(state, '') = 'leased' AND session = :session AND id IN (SELECT value FROM json_each(:ids));

-- name: cancel_delivered
UPDATE jobs SET cancel = 'delivered' WHERE id = :job AND epoch = :epoch AND state = 'leased' AND cancel = 'requested';

-- name: expired
SELECT * FROM jobs WHERE state = 'leased' AND expires_at <= :now ORDER BY expires_at LIMIT :most;

-- name: next_expiry
SELECT min(expires_at) FROM jobs WHERE state = 'leased';

-- name: forgive
UPDATE jobs SET expires_at = :expires_at WHERE state = 'leased' AND expires_at < :expires_at;

-- The end of an attempt, fenced: only the current holder's epoch and session move the job.
-- name: settle_job
UPDATE jobs SET state = :state, reason = :reason, session = NULL, seq = NULL, expires_at = NULL,
    attempt = attempt - :refund, losses = losses + :lost, waits = waits + :waited, not_before = :not_before, ended = :ended,
    cancel = CASE WHEN :state = 'cancelled' THEN 'confirmed' ELSE cancel END,
    change = coalesce(:change, change)
WHERE id = :job AND state = 'leased' AND epoch = :epoch AND session = :session;

-- The same for attempts that ended well and leave nothing to be decided.
-- name: settle_done
UPDATE jobs SET state = 'done', reason = '', session = NULL, seq = NULL, expires_at = NULL, not_before = 0, ended = :ended
WHERE id IN (SELECT value FROM json_each(:ids)) AND coalesce(state, '') = 'leased' AND epoch = :epoch
    AND session = :session AND agent = :agent AND cancel IS NULL AND subject IS NULL
RETURNING id, kind, batch, started, wip, exclusive, reserved_money;

-- An attempt is stored when it ends; while it is live, the lease in its job's row is all there is to know of it.
-- name: add_attempt
INSERT INTO attempts (job, epoch, agent, session, state, code, detail, exit_code, claimed, started, ended, settled,
    spawn_ms, wip, containment, result)
VALUES (:job, :epoch, :agent, :session, :state, :code, :detail, :exit_code, :claimed, :started, :ended, :settled,
    :spawn_ms, :wip, :containment, :result);

-- name: add_attempts_alike
INSERT INTO attempts_alike (settled, first, epoch, agent, session, each)
VALUES (:settled, :first, :epoch, :agent, :session, :each);

-- name: attempts_alike
SELECT settled, epoch, agent, session, each FROM attempts_alike WHERE settled = :settled;

-- name: attempt
SELECT * FROM attempts WHERE job = :job AND epoch = :epoch;

-- What was found of a dead run: where its work is kept, never a result.
-- name: keep_wip
UPDATE attempts SET wip = :wip WHERE job = :job AND epoch = :epoch AND wip = '';

-- name: keep_live_wip
UPDATE jobs SET wip = :wip WHERE id = :job AND epoch = :epoch AND state = 'leased' AND wip = '';

-- name: add_spawn
INSERT INTO spawns (kind, at, spawn_ms) VALUES (:kind, :at, :spawn_ms);

-- name: trim_spawns
DELETE FROM spawns WHERE kind = :kind AND at < (
    SELECT at FROM spawns WHERE kind = :kind ORDER BY at DESC LIMIT 1 OFFSET 200);

-- name: needed
SELECT DISTINCT needs FROM needs WHERE needs IN (SELECT value FROM json_each(:ids));

-- name: opening
SELECT DISTINCT opens_batch FROM batches WHERE opens_batch IN (SELECT value FROM json_each(:ids));

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
    waits = CASE WHEN :fresh = 1 THEN 0 ELSE waits END,
    spent_from = CASE WHEN :fresh = 1 THEN coalesce((SELECT max(at) FROM spends WHERE root = jobs.id), 0) ELSE spent_from END,
    cancel = CASE WHEN :state = 'cancelled' THEN 'confirmed' ELSE NULL END
WHERE id = :id AND state = :old;
