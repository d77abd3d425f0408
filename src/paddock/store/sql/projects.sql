-- name: add_project
INSERT INTO projects (name, repo, branch, checks, created) VALUES (:name, :repo, :branch, :checks, :created)
ON CONFLICT (name) DO NOTHING;

-- name: project
SELECT * FROM projects WHERE name = :name;

-- name: projects
SELECT * FROM projects ORDER BY name;

-- name: set_checks
UPDATE projects SET checks = :checks, branch = :branch WHERE name = :name;
