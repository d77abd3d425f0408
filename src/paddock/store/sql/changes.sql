-- name: add_change
INSERT INTO changes (id, job, epoch, name, project, branch, base, head, tree, state, files, more_files, authors,
    created, updated)
VALUES (:id, :job, :epoch, :name, :project, :branch, :base, :head, :tree, 'open', :files, :more_files, :authors,
    :now, :now);

-- name: change
SELECT * FROM changes WHERE id = :id;

-- name: change_of_job
SELECT * FROM changes WHERE job = :job ORDER BY id DESC LIMIT 1;

-- name: move_change
UPDATE changes SET state = :state, reason = :reason, updated = :now, merged_commit = coalesce(:commit, merged_commit)
WHERE id = :id AND state = :old;

-- name: note_change
UPDATE changes SET reason = :reason, updated = :now WHERE id = :id;

-- name: changes
SELECT * FROM changes WHERE (CAST(:state AS TEXT) IS NULL OR state = :state) AND (CAST(:project AS TEXT) IS NULL OR project = :project)
ORDER BY id DESC LIMIT :most;

-- name: open_changes
SELECT * FROM changes WHERE state IN ('open', 'approved') ORDER BY id;

-- name: decide
INSERT INTO decisions (change, by, decision, note, at, head) VALUES (:change, :by, :decision, :note, :at, :head)
ON CONFLICT (change, by) DO UPDATE SET decision = excluded.decision, note = excluded.note, at = excluded.at,
    head = excluded.head;

-- name: decisions
SELECT * FROM decisions WHERE change = :change ORDER BY at;

-- name: approvals
SELECT by, at FROM decisions WHERE change = :change AND decision = 'approve' AND head IN ('', :head) ORDER BY at;

-- name: add_evidence
INSERT INTO evidence (job, change, project, head, tree, green, checks, at)
VALUES (:job, :change, :project, :head, :tree, :green, :checks, :at)
ON CONFLICT (job) DO UPDATE SET green = excluded.green, checks = excluded.checks, at = excluded.at;

-- name: evidence_of_change
SELECT * FROM evidence WHERE change = :change ORDER BY at;

-- name: verdict_of_head
SELECT green FROM evidence WHERE change = :change AND head = :head ORDER BY at DESC LIMIT 1;

-- What attempts told that wrote some of a change.
-- name: results_for_change
SELECT attempts.result FROM attempts WHERE attempts.job = :job AND attempts.epoch = :epoch
UNION ALL
SELECT attempts.result FROM jobs JOIN attempts ON attempts.job = jobs.id
WHERE jobs.subject = :change AND jobs.kind IN ('change.fix', 'change.resolve') AND attempts.state = 'done';

-- name: jobs_serving
SELECT * FROM jobs WHERE subject = :change ORDER BY id;
