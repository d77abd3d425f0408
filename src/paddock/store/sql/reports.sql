-- name: add_report
INSERT INTO reports (id, agent, at, note, told, lines) VALUES (:id, :agent, :at, :note, :told, :lines);

-- name: drop_reports
DELETE FROM reports WHERE id NOT IN (SELECT id FROM reports ORDER BY id DESC LIMIT :most);

-- name: report
SELECT * FROM reports WHERE id = :id;

-- name: reports
SELECT * FROM reports ORDER BY id DESC LIMIT :most;
