-- name: review_rules
SELECT rules FROM review_rules WHERE project = :project;

-- name: set_review_rules
INSERT INTO review_rules (project, rules, by, updated, slow_after, slow_to)
VALUES (:project, :rules, :by, :now, :slow_after, :slow_to)
ON CONFLICT (project) DO UPDATE SET rules = excluded.rules, by = excluded.by, updated = excluded.updated,
    slow_after = excluded.slow_after, slow_to = excluded.slow_to;

-- name: paces
SELECT project, slow_after, slow_to, slowed, (SELECT min(created) FROM changes
    WHERE changes.project = review_rules.project AND changes.state IN ('open', 'approved')) AS oldest
FROM review_rules WHERE slow_after > 0 OR slowed <> 0;

-- name: set_slowed
UPDATE review_rules SET slowed = :slowed WHERE project = :project;

-- name: merge_queue
SELECT id, name, subject, state, not_before, payload FROM jobs
WHERE (state = 'ready' AND lane = :lane) OR (state = 'leased' AND exclusive = :key)
ORDER BY CASE WHEN state = 'leased' THEN 0 ELSE 1 END, urgency DESC, id;

-- name: merges_live
SELECT id, payload FROM jobs WHERE state = 'leased' AND exclusive = :key;

-- name: batch_now
SELECT batch_now FROM review_rules WHERE project = :project;

-- name: set_batch_now
UPDATE review_rules SET batch_now = :size WHERE project = :project;

-- name: set_payload
UPDATE jobs SET payload = :payload WHERE id = :id;

-- name: add_review
INSERT INTO reviews (job, change, head, agent, own, reviewers, found, more, fixed, at)
VALUES (:job, :change, :head, :agent, :own, :reviewers, :found, :more, :fixed, :at)
ON CONFLICT (job) DO UPDATE SET agent = excluded.agent, own = excluded.own, reviewers = excluded.reviewers,
    found = excluded.found, more = excluded.more, fixed = excluded.fixed, at = excluded.at;

-- name: reviews_of_change
SELECT * FROM reviews WHERE change = :change ORDER BY at, job;

-- name: review_of_head
SELECT * FROM reviews WHERE change = :change AND head = :head ORDER BY at DESC, job DESC LIMIT 1;

-- name: findings_of_job
SELECT * FROM findings WHERE author = :author ORDER BY id;

-- name: finding
SELECT * FROM findings WHERE id = :id;

-- name: findings_like
SELECT * FROM findings WHERE id >= :low AND id < :high ORDER BY id LIMIT 2;

-- name: list_findings
SELECT * FROM findings
WHERE (CAST(:change AS TEXT) IS NULL OR change = :change) AND (CAST(:project AS TEXT) IS NULL OR project = :project)
    AND (CAST(:state AS TEXT) IS NULL OR state = :state)
ORDER BY id DESC LIMIT :most;

-- name: add_finding
INSERT INTO findings (id, author, change, project, known_by, reviewer, rule, path, line, severity, message, state,
    head, created, updated)
VALUES (:id, :author, :change, :project, :known_by, :reviewer, :rule, :path, :line, :severity, :message, 'open',
    :head, :now, :now);

-- name: see_finding
UPDATE findings SET change = :change, head = :head, line = :line, severity = :severity, message = :message,
    filed = CASE WHEN change = :change THEN filed ELSE 0 END,
    state = CASE WHEN state = 'dismissed' THEN state ELSE 'open' END, updated = :now
WHERE author = :author AND known_by = :known_by;

-- name: finding_fixed
UPDATE findings SET state = 'fixed', updated = :now WHERE author = :author AND known_by = :known_by;

-- name: file_findings
UPDATE findings SET filed = :round, times = times + 1, updated = :now
WHERE id IN (SELECT value FROM json_each(:ids));

-- name: judge_finding
UPDATE findings SET state = :state, by = :by, note = :note, updated = :now WHERE id = :id AND state = :old;

-- name: add_round
INSERT INTO review_rounds (change, round, author, head, filed, at) VALUES (:change, :round, :author, :head, :filed, :at);

-- name: round_fixed
UPDATE review_rounds SET fixed = fixed + :fixed
WHERE change = :change AND round = (SELECT max(other.round) FROM review_rounds AS other WHERE other.change = :change);

-- name: rounds_of_change
SELECT * FROM review_rounds WHERE change = :change ORDER BY round;

-- name: filed_for_job
SELECT CAST(coalesce(sum(filed), 0) AS INTEGER) FROM review_rounds WHERE author = :author;

-- name: move_head
UPDATE changes SET base = :base, head = :head, tree = :tree, files = :files, more_files = :more_files, authors = :authors,
    diff_job = :diff_job, diff_epoch = :diff_epoch, updated = :now
WHERE id = :id AND head = :was AND state = 'open';

-- Milliseconds that jobs ran since a moment, those that still run among them.
-- name: busy_ended
SELECT CAST(coalesce(sum(ended - CASE WHEN started < :since THEN :since ELSE started END), 0) AS INTEGER) FROM jobs
WHERE ended IS NOT NULL AND ended > :since AND started IS NOT NULL AND started < ended;

-- name: busy_live
SELECT CAST(coalesce(sum(:now - CASE WHEN started < :since THEN :since ELSE started END), 0) AS INTEGER) FROM jobs
WHERE state = 'leased' AND started IS NOT NULL AND started < :now;
