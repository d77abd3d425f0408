-- name: last_seal
SELECT * FROM seals ORDER BY number DESC LIMIT 1;

-- name: seals_after
SELECT * FROM seals WHERE number > :after ORDER BY number LIMIT :most;

-- name: add_seal
INSERT INTO seals (number, last, at, marks, head, checkpoint) VALUES (:number, :last, :at, :marks, :head, :checkpoint)
ON CONFLICT (number) DO NOTHING;

-- name: rows_behind
SELECT seq, at, type, job, agent, data FROM journal WHERE seq > :after AND seq <= :until ORDER BY seq LIMIT :most;
