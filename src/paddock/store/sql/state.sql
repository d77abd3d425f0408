-- The fence: whether this attempt holds its job now, and the job's project.
-- name: state_fence
SELECT project FROM jobs
WHERE id = :job AND state = 'leased' AND epoch = :epoch AND session = :session AND agent = :agent;

-- name: state_head
SELECT revision, write_id, type, size, digest, expires, updated FROM state
WHERE space = :space AND owner = :owner AND key = :key AND (expires IS NULL OR expires > :now);

-- name: state_entry
SELECT key, revision, type, size, digest, expires, updated, value FROM state
WHERE space = :space AND owner = :owner AND key = :key AND (expires IS NULL OR expires > :now);

-- name: state_keys
SELECT key, revision, type, size, digest, expires, updated FROM state
WHERE space = :space AND owner = :owner AND key > :after AND substr(key, 1, length(:prefix)) = :prefix
    AND (expires IS NULL OR expires > :now)
ORDER BY key LIMIT :most;

-- name: state_put
INSERT INTO state (space, owner, key, revision, write_id, type, size, digest, expires, updated, value)
VALUES (:space, :owner, :key, :revision, :write_id, :type, :size, :digest, :expires, :updated, :value)
ON CONFLICT (space, owner, key) DO UPDATE SET revision = excluded.revision, write_id = excluded.write_id,
    type = excluded.type, size = excluded.size, digest = excluded.digest, expires = excluded.expires,
    updated = excluded.updated, value = excluded.value;

-- Takes note of an attempt's write; no row when a later one of it was noted before.
-- name: state_turn
INSERT INTO state_turns (job, epoch, seq) VALUES (:job, :epoch, :seq)
ON CONFLICT (job) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq
WHERE state_turns.epoch < excluded.epoch OR (state_turns.epoch = excluded.epoch AND state_turns.seq <= excluded.seq);

-- Of jobs that nobody holds: what comes late for them is refused by the fence.
-- name: state_turns_drop
DELETE FROM state_turns WHERE job IN (SELECT state_turns.job FROM state_turns
    WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = state_turns.job AND jobs.state = 'leased') LIMIT :most);

-- name: state_delete
DELETE FROM state WHERE space = :space AND owner = :owner AND key = :key;

-- name: state_row
SELECT size, digest FROM state WHERE space = :space AND owner = :owner AND key = :key;

-- name: state_owner
SELECT keys, bytes FROM state_owners WHERE space = :space AND owner = :owner;

-- name: state_owner_add
INSERT INTO state_owners (space, owner, keys, bytes) VALUES (:space, :owner, :keys, :bytes)
ON CONFLICT (space, owner) DO UPDATE SET keys = state_owners.keys + excluded.keys,
    bytes = state_owners.bytes + excluded.bytes;

-- name: state_owner_drop
DELETE FROM state_owners WHERE space = :space AND owner = :owner AND keys = 0;

-- name: state_expired
SELECT space, owner, key FROM state WHERE expires IS NOT NULL AND expires <= :now ORDER BY expires LIMIT :most;

-- name: state_expired_of
SELECT space, owner, key FROM state
WHERE space = :space AND owner = :owner AND expires IS NOT NULL AND expires <= :now LIMIT :most;

-- One look at whether anything wants sweeping.
-- name: state_due
SELECT CASE WHEN EXISTS (SELECT 1 FROM state WHERE expires IS NOT NULL AND expires <= :now)
    OR EXISTS (SELECT 1 FROM uploads WHERE began < :before)
    OR EXISTS (SELECT 1 FROM state_turns
        WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = state_turns.job AND jobs.state = 'leased'))
    OR EXISTS (SELECT 1 FROM blobs WHERE seen < :before
        AND NOT EXISTS (SELECT 1 FROM state WHERE state.digest = blobs.digest)) THEN 1 ELSE 0 END AS due;

-- name: state_usage
SELECT space, count(*) AS owners, CAST(sum(keys) AS INTEGER) AS keys, CAST(sum(bytes) AS INTEGER) AS bytes
FROM state_owners GROUP BY space ORDER BY space;

-- name: blob_usage
SELECT count(*) AS blobs, CAST(coalesce(sum(size), 0) AS INTEGER) AS bytes FROM blobs;

-- name: upload
SELECT upload, holder, size FROM uploads WHERE upload = :upload;

-- name: uploads_open
SELECT count(*) FROM uploads WHERE holder = :holder;

-- name: upload_begin
INSERT INTO uploads (upload, holder, size, began) VALUES (:upload, :holder, 0, :began);

-- name: upload_grow
UPDATE uploads SET size = :size WHERE upload = :upload;

-- name: upload_end
DELETE FROM uploads WHERE upload = :upload;

-- name: uploads_old
SELECT upload FROM uploads WHERE began < :before ORDER BY began LIMIT :most;

-- name: part_add
INSERT INTO parts (upload, start, data) VALUES (:upload, :start, :data);

-- name: part_at
SELECT data FROM parts WHERE upload = :upload AND start = :start;

-- name: parts_drop
DELETE FROM parts WHERE upload = :upload;

-- name: blob
SELECT digest, upload, size FROM blobs WHERE digest = :digest;

-- name: blob_add
INSERT INTO blobs (digest, upload, size, seen) VALUES (:digest, :upload, :size, :seen);

-- name: blob_seen
UPDATE blobs SET seen = :now WHERE digest = :digest;

-- name: blobs_unused
SELECT digest, upload FROM blobs
WHERE seen < :before AND NOT EXISTS (SELECT 1 FROM state WHERE state.digest = blobs.digest)
ORDER BY seen LIMIT :most;

-- name: blob_drop
DELETE FROM blobs WHERE digest = :digest;

-- name: state_since
SELECT 1 AS found FROM state WHERE space = 'job' AND owner = :job AND updated >= :since LIMIT 1;
