-- Parameters called `states` and `ids` are JSON lists of texts.
-- name: bulk_ids
SELECT id FROM jobs
WHERE state IN (SELECT value FROM json_each(:states)) AND subject IS NULL AND id <= :upto AND created <= :before
    AND (CAST(:project AS TEXT) IS NULL OR project = :project) AND (CAST(:kind AS TEXT) IS NULL OR kind = :kind)
    AND (CAST(:batch AS TEXT) IS NULL OR batch = :batch)
    AND (CAST(:label AS TEXT) IS NULL OR labels LIKE :label ESCAPE '!')
ORDER BY id LIMIT :most;

-- name: set_priority
UPDATE jobs SET priority = :priority WHERE id = :id;

-- A job is at least as urgent as what waits for it.
-- name: urgency_of
SELECT max(wanted) FROM (
    SELECT priority AS wanted FROM jobs WHERE id = :id
    UNION ALL
    SELECT other.urgency FROM needs JOIN jobs AS other ON other.id = needs.job
    WHERE needs.needs = :id AND other.state = 'blocked') AS every;

-- name: set_urgency
UPDATE jobs SET urgency = :urgency WHERE id = :id AND urgency <> :urgency;
