-- name: open_anomaly
SELECT * FROM anomalies WHERE agent = :agent AND type = :type AND resolved IS NULL;

-- name: open_anomalies_of
SELECT type FROM anomalies WHERE agent = :agent AND resolved IS NULL;

-- name: add_anomaly
INSERT INTO anomalies (id, type, agent, first, last, times, facts)
VALUES (:id, :type, :agent, :now, :now, :times, :facts);

-- name: see_anomaly
UPDATE anomalies SET last = :now, times = times + :times, facts = :facts WHERE id = :id;

-- name: resolve_anomaly
UPDATE anomalies SET resolved = :now, by = :by, note = :note WHERE id = :id AND resolved IS NULL;

-- name: anomaly
SELECT * FROM anomalies WHERE id = :id;

-- name: anomalies
SELECT * FROM anomalies WHERE CAST(:every AS INTEGER) = 1 OR resolved IS NULL ORDER BY last DESC, id DESC LIMIT :most;

-- name: set_standing
UPDATE agents SET standing = :standing, standing_number = standing_number + 1, standing_reason = :reason
WHERE id = :agent AND standing <> 'terminal' AND standing <> :standing;
