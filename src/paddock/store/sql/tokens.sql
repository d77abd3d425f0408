-- name: add_token
INSERT INTO tokens (hash, label, created, expires, labels, channel, network, binding, licence)
VALUES (:hash, :label, :created, :expires, :labels, :channel, :network, :binding, :licence);

-- name: use_token
UPDATE tokens SET used_at = :now, used_key = :key, agent = :agent
WHERE hash = :hash AND used_at IS NULL AND revoked IS NULL AND expires > :now;

-- name: token
SELECT * FROM tokens WHERE hash = :hash;

-- name: tokens
SELECT * FROM tokens ORDER BY created DESC, hash LIMIT :most;

-- A token by the start of its digest, or the newest with this label, one that is still good before others.
-- name: token_named
SELECT * FROM tokens WHERE hash LIKE :start OR label = :label
ORDER BY CASE WHEN used_at IS NULL AND revoked IS NULL THEN 0 ELSE 1 END, created DESC LIMIT 1;

-- name: revoke_token
UPDATE tokens SET revoked = :now WHERE hash = :hash AND used_at IS NULL AND revoked IS NULL;
