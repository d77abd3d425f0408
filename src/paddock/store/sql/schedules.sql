-- name: add_schedule
INSERT INTO schedules (id, name, project, submits, cron, zone, every, overlap, catch_up, next_at, created)
VALUES (:id, :name, :project, :submits, :cron, :zone, :every, :overlap, :catch_up, :next_at, :created)
ON CONFLICT (name) DO NOTHING;

-- name: schedule
SELECT * FROM schedules WHERE id = :id;

-- name: schedule_named
SELECT * FROM schedules WHERE name = :name;

-- name: schedules
SELECT * FROM schedules ORDER BY name;

-- name: schedules_next
SELECT id, next_at FROM schedules WHERE paused = 0 ORDER BY next_at LIMIT :most;

-- Fenced by the time that is due: whoever comes second finds it moved.
-- name: move_schedule
UPDATE schedules SET next_at = :next_at, paused = :paused WHERE id = :id AND next_at = :old;

-- name: remove_schedule
DELETE FROM schedules WHERE id = :id;

-- name: remove_firings
DELETE FROM firings WHERE schedule = :id;

-- name: add_firing
INSERT INTO firings (schedule, at, batch, reason) VALUES (:schedule, :at, :batch, :reason);

-- name: trim_firings
DELETE FROM firings WHERE schedule = :schedule AND at < (
    SELECT at FROM firings WHERE schedule = :schedule ORDER BY at DESC LIMIT 1 OFFSET :keep);

-- name: firings
SELECT * FROM firings WHERE schedule = :schedule ORDER BY at DESC LIMIT :most;

-- name: unfinished_of_schedule
SELECT jobs.id FROM firings JOIN jobs ON jobs.batch = firings.batch
WHERE firings.schedule = :schedule AND jobs.ended IS NULL ORDER BY jobs.id LIMIT :most;
