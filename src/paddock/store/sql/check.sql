-- Each statement finds rows that cannot be while every rule of the store holds; a healthy store has none.

-- name: leases_without_holder
SELECT id FROM jobs WHERE state = 'leased' AND (agent IS NULL OR session IS NULL OR expires_at IS NULL OR epoch < 1);

-- name: sessions_without_lease
SELECT id FROM jobs WHERE state <> 'leased' AND (session IS NOT NULL OR expires_at IS NOT NULL);

-- name: attempts_ahead
SELECT DISTINCT attempts.job AS id FROM attempts JOIN jobs ON jobs.id = attempts.job
WHERE attempts.epoch > jobs.epoch OR (attempts.epoch = jobs.epoch AND jobs.state = 'leased');

-- name: forgotten_jobs
SELECT id FROM jobs
WHERE state = 'blocked'
    AND NOT EXISTS (SELECT 1 FROM needs JOIN jobs AS other ON other.id = needs.needs
        WHERE needs.job = jobs.id AND other.state <> 'done')
    AND NOT EXISTS (SELECT 1 FROM batches WHERE batches.id = jobs.batch AND batches.opens_batch IS NOT NULL
        AND (SELECT count(*) FROM jobs AS x WHERE x.batch = batches.opens_batch AND x.state = 'done')
            < batches.opens_done);

-- name: ends_without_state
SELECT id FROM jobs
WHERE (ended IS NOT NULL) <> (state IN ('done', 'failed', 'refused', 'parked', 'cancelled'));

-- name: jobs_without_project
SELECT id FROM jobs WHERE NOT EXISTS (SELECT 1 FROM projects WHERE projects.name = jobs.project);

-- name: changes_without_job
SELECT id FROM changes WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = changes.job);
