-- name: pause_project
UPDATE projects SET paused_until = :until, paused_at = :at, paused_by = :by, pause_note = :note WHERE name = :name;

-- name: weigh_project
UPDATE projects SET weight = :weight WHERE name = :name;

-- name: holder_of_exclusive
SELECT name FROM jobs WHERE state = 'leased' AND exclusive = :key;

-- name: paused
SELECT name, paused_until FROM projects WHERE paused_until > :now;
