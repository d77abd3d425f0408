-- name: add_batch
INSERT INTO batches (id, project, name, opens_batch, opens_done, created)
VALUES (:id, :project, :name, :opens_batch, :opens_done, :created);

-- name: batch
SELECT * FROM batches WHERE id = :id;

-- name: add_job
INSERT INTO jobs (id, name, batch, project, kind, lane, state, priority, urgency, payload, scope, requires, accept,
    timeout, max_attempts, subject, unique_key, exclusive, not_before, open_key, labels, budget, created)
VALUES (:id, :name, :batch, :project, :kind, :lane, :state, :priority, :urgency, :payload, :scope, :requires, :accept,
    :timeout, :max_attempts, :subject, :unique_key, :exclusive, :not_before, :open_key, :labels, :budget, :created)
ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING;

-- name: add_need
INSERT INTO needs (job, needs) VALUES (:job, :needs);

-- name: open_keys
SELECT id, open_key FROM jobs
WHERE project = :project AND open_key IN (SELECT value FROM json_each(:keys))
    AND state IN ('blocked', 'ready', 'leased', 'in_review', 'changes_requested');
