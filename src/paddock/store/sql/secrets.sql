-- name: set_secret
INSERT INTO secrets (project, name, sealed, changed, set_by) VALUES (:project, :name, :sealed, :now, :by)
ON CONFLICT (project, name) DO UPDATE
SET sealed = excluded.sealed, changed = excluded.changed, set_by = excluded.set_by;

-- name: secrets
SELECT project, name, sealed, changed, set_by FROM secrets ORDER BY project, name;

-- name: drop_secret
DELETE FROM secrets WHERE project = :project AND name = :name;
