-- name: jobs
SELECT jobs.* FROM jobs
WHERE (CAST(:state AS TEXT) IS NULL OR state = :state) AND (CAST(:project AS TEXT) IS NULL OR project = :project)
    AND (CAST(:batch AS TEXT) IS NULL OR batch = :batch) AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind) AND (:system = 1 OR subject IS NULL)
    AND (CAST(:label AS TEXT) IS NULL OR labels LIKE :label ESCAPE '!')
ORDER BY id DESC LIMIT :most;

-- name: jobs_of_batch
SELECT jobs.* FROM jobs
WHERE batch = :batch AND (CAST(:state AS TEXT) IS NULL OR state = :state) AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
    AND (CAST(:label AS TEXT) IS NULL OR labels LIKE :label ESCAPE '!')
ORDER BY id DESC LIMIT :most;

-- name: job_named
SELECT * FROM jobs WHERE name = :name ORDER BY id DESC LIMIT 1;

-- name: attempts
SELECT * FROM attempts WHERE job = :job ORDER BY epoch;

-- name: needs_of_job
SELECT jobs.* FROM needs JOIN jobs ON jobs.id = needs.needs WHERE needs.job = :job ORDER BY jobs.id;

-- Whether a job that is started anew still waits: for another job, or for its batch to open.
-- name: still_blocked
SELECT EXISTS (SELECT 1 FROM needs JOIN jobs AS other ON other.id = needs.needs
        WHERE needs.job = :id AND other.state <> 'done')
    OR EXISTS (SELECT 1 FROM jobs JOIN batches ON batches.id = jobs.batch
        WHERE jobs.id = :id AND batches.opens_batch IS NOT NULL
            AND (SELECT count(*) FROM jobs AS x WHERE x.batch = batches.opens_batch AND x.state = 'done')
                < batches.opens_done);

-- One step of the index for each lane, however many jobs wait in it; of more than :most the rest is not counted.
-- name: lanes
WITH RECURSIVE open (lane) AS (
    SELECT min(lane) FROM jobs WHERE state IN ('ready', 'changes_requested')
    UNION ALL
    SELECT (SELECT min(lane) FROM jobs WHERE state IN ('ready', 'changes_requested') AND lane > open.lane)
    FROM open WHERE open.lane IS NOT NULL
)
SELECT lane,
    (SELECT count(DISTINCT coalesce(few.exclusive, few.id)) FROM (
        SELECT exclusive, id FROM jobs
        WHERE state IN ('ready', 'changes_requested') AND jobs.lane = open.lane AND not_before <= :now
            AND (exclusive IS NULL OR NOT EXISTS (
                SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
        LIMIT :most) AS few) AS jobs,
    (SELECT min(not_before) FROM jobs
        WHERE state IN ('ready', 'changes_requested') AND not_before > 0 AND jobs.lane = open.lane
            AND not_before > :now) AS due
FROM open WHERE lane IS NOT NULL;

-- name: count_jobs
SELECT state, count(*) AS n FROM jobs WHERE state IN ('ready', 'changes_requested') AND subject IS NULL GROUP BY state
UNION ALL
SELECT state, count(*) AS n FROM jobs WHERE state = 'leased' AND subject IS NULL GROUP BY state
UNION ALL
SELECT state, count(*) AS n FROM jobs WHERE state IN ('blocked', 'in_review') AND subject IS NULL GROUP BY state
UNION ALL
SELECT state, count(*) AS n FROM jobs WHERE ended IS NOT NULL AND ended > :since AND subject IS NULL GROUP BY state;

-- name: count_changes
SELECT state, count(*) AS n FROM changes GROUP BY state;

-- name: done_since
SELECT count(*) FROM jobs WHERE ended > :since AND state = 'done' AND subject IS NULL;

-- name: count_stuck
SELECT (SELECT count(*) FROM jobs WHERE state IN ('parked', 'refused'))
    + (SELECT count(*) FROM anomalies WHERE resolved IS NULL) AS stuck;

-- name: leases
SELECT agent, id FROM jobs WHERE state = 'leased';

-- name: done_in_batch
SELECT count(*) FROM jobs WHERE batch = :batch AND state = 'done';

-- name: mean_spawn
SELECT avg(spawn_ms) FROM (SELECT spawn_ms FROM spawns WHERE kind = :kind ORDER BY at DESC LIMIT 50) AS latest;

-- name: journal_after
SELECT * FROM journal WHERE seq > :after ORDER BY seq LIMIT :most;

-- name: journal_of_job
SELECT * FROM journal WHERE job = :job AND seq > :after ORDER BY seq LIMIT :most;

-- name: journal_of_many
SELECT * FROM journal WHERE job IS NULL AND type IN ('jobs.submitted', 'jobs.leased', 'attempts.done') AND at = :at AND seq > :after ORDER BY seq;

-- name: journal_tail
SELECT * FROM (SELECT * FROM journal ORDER BY seq DESC LIMIT :most) AS tail ORDER BY seq;

-- name: last_seq
SELECT max(seq) FROM journal;
