-- name: append
INSERT INTO journal (at, type, job, agent, data) VALUES (:at, :type, :job, :agent, :data);
