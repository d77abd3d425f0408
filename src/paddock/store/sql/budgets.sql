-- name: budgets
SELECT * FROM budgets ORDER BY project;

-- name: set_budget
INSERT INTO budgets (project, a_day, since_merge, since, by, updated, money_day, money_merge, money_job, tokens_day,
    tokens_merge, tokens_job)
VALUES (:project, :a_day, :since_merge, 0, :by, :now, :money_day, :money_merge, :money_job, :tokens_day, :tokens_merge,
    :tokens_job)
ON CONFLICT (project) DO UPDATE SET a_day = excluded.a_day, since_merge = excluded.since_merge, by = excluded.by,
    updated = excluded.updated, money_day = excluded.money_day, money_merge = excluded.money_merge,
    money_job = excluded.money_job, tokens_day = excluded.tokens_day, tokens_merge = excluded.tokens_merge,
    tokens_job = excluded.tokens_job;

-- name: remove_budget
DELETE FROM budgets WHERE project = :project;

-- name: trip_budget
UPDATE budgets SET tripped = :now, reason = :reason WHERE project = :project AND tripped = 0;

-- A person let go on what they had stopped.
-- name: reset_budgets
UPDATE budgets SET tripped = 0, reason = '', since = :now
WHERE tripped > 0 AND (project = '' OR project = :project);

-- name: last_merge
SELECT max(updated) FROM changes WHERE state = 'merged' AND (:project = '' OR project = :project);

-- Time of attempts that ended since a moment: of jobs that ended since then, and of those that have not ended.
-- name: spent_attempts
SELECT jobs.project AS project, jobs.kind AS kind, count(*) AS runs,
    CAST(sum(attempts.ended - CASE WHEN attempts.claimed < :since THEN :since ELSE attempts.claimed END) AS INTEGER) AS ms
FROM jobs JOIN attempts ON attempts.job = jobs.id
WHERE attempts.ended > :since AND (jobs.ended > :since OR jobs.ended IS NULL)
GROUP BY jobs.project, jobs.kind;

-- Attempts that ended well beside others have no row of their own.
-- name: spent_alike
SELECT project, kind, count(*) AS runs,
    CAST(sum(ended - CASE WHEN started < :since THEN :since ELSE started END) AS INTEGER) AS ms
FROM jobs
WHERE ended > :since AND state = 'done' AND started IS NOT NULL AND started < ended
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.job = jobs.id AND attempts.epoch = jobs.epoch)
GROUP BY project, kind;

-- name: spent_live
SELECT project, kind, count(*) AS runs,
    CAST(sum(:now - CASE WHEN started < :since THEN :since ELSE started END) AS INTEGER) AS ms,
    CAST(sum(CASE WHEN started + 1000 * timeout > :now THEN started + 1000 * timeout - :now ELSE 0 END) AS INTEGER) AS risk
FROM jobs WHERE state = 'leased' AND started IS NOT NULL
GROUP BY project, kind;

-- name: merged_since
SELECT project, count(*) AS n FROM changes WHERE state = 'merged' AND updated > :since GROUP BY project;
