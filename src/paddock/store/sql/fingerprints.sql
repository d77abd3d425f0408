-- name: bind
UPDATE agents SET fingerprint = :fingerprint WHERE id = :agent;
