-- name: forges
SELECT * FROM forges ORDER BY project;

-- name: set_forge
INSERT INTO forges (project, kind, base, repo, account, login, token, secret, merges, people, by, updated)
VALUES (:project, :kind, :base, :repo, :account, :login, :token, :secret, :merges, :people, :by, :now)
ON CONFLICT (project) DO UPDATE SET kind = excluded.kind, base = excluded.base, repo = excluded.repo,
    account = excluded.account, login = excluded.login, token = excluded.token, secret = excluded.secret,
    merges = excluded.merges, people = excluded.people, by = excluded.by, updated = excluded.updated, poll_at = 0;

-- What stood on another forge stands there no more.
-- name: forget_forge
DELETE FROM forge_intents WHERE project = :project;

-- name: remove_forge
DELETE FROM forges WHERE project = :project;

-- name: forge_merges
SELECT merges FROM forges WHERE project = :project;

-- name: forge_unplanned
SELECT changes.id, changes.project FROM changes JOIN forges ON forges.project = changes.project
WHERE changes.state IN ('open', 'approved')
    AND NOT EXISTS (SELECT 1 FROM forge_intents WHERE forge_intents.id = 'change:' || changes.id);

-- Those that are due anyway are left to it.
-- name: forge_behind
SELECT forge_intents.id FROM forge_intents JOIN changes ON changes.id = forge_intents.change
WHERE forge_intents.live = 1 AND forge_intents.what = 'change' AND forge_intents.due >= :never
    AND (changes.updated >= forge_intents.seen
        OR EXISTS (SELECT 1 FROM evidence WHERE evidence.change = changes.id AND evidence.at >= forge_intents.seen)
        OR EXISTS (SELECT 1 FROM decisions WHERE decisions.change = changes.id AND decisions.at >= forge_intents.seen));

-- name: add_forge_intent
INSERT INTO forge_intents (id, project, what, subject, change, text, by, due, created, updated)
VALUES (:id, :project, :what, :subject, :change, :text, :by, :now, :now, :now)
ON CONFLICT (id) DO NOTHING;

-- name: nudge_forge_intent
UPDATE forge_intents SET nudged = CASE WHEN nudged > :now THEN nudged ELSE :now END,
    due = CASE WHEN due > :due THEN :due ELSE due END
WHERE id = :id AND live = 1;

-- name: forge_next
SELECT min(due) AS due FROM (
    SELECT min(due) AS due FROM forge_intents WHERE live = 1
    UNION ALL
    SELECT min(poll_at) AS due FROM forges WHERE EXISTS (SELECT 1 FROM forge_intents
        WHERE forge_intents.project = forges.project AND live = 1 AND what = 'change' AND number <> '')
) AS soonest;

-- name: lease_forge
INSERT INTO forge_quotas (account, holder, lease_until) VALUES (:account, :holder, :until)
ON CONFLICT (account) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
WHERE forge_quotas.holder = :holder OR forge_quotas.lease_until <= :now;

-- name: forge_quota
SELECT quota FROM forge_quotas WHERE account = :account;

-- name: forge_quotas
SELECT account, quota FROM forge_quotas;

-- name: set_forge_quota
UPDATE forge_quotas SET quota = :quota WHERE account = :account AND holder = :holder;

-- name: forge_claimable
SELECT * FROM forge_intents WHERE live = 1 AND due <= :now AND (lease_until <= :now OR holder = :holder)
    AND project IN (SELECT project FROM forges WHERE account = :account)
ORDER BY due, id LIMIT 1;

-- name: lease_forge_intent
UPDATE forge_intents SET holder = :holder, lease_until = :until, turn = turn + 1, tries = tries + 1 WHERE id = :id;

-- name: settle_forge_intent
UPDATE forge_intents SET number = :number, url = :url, shown = :shown, trouble = :trouble, seen = :seen, live = :live,
    tries = CASE WHEN :well = 1 THEN 0 ELSE tries END, holder = '', lease_until = 0, updated = :now,
    due = CASE WHEN :well = 1 AND nudged >= :seen THEN :now ELSE :due END
WHERE id = :id AND holder = :holder AND turn = :turn;

-- name: defer_forge
UPDATE forge_intents SET due = :until WHERE live = 1 AND due < :until
    AND project IN (SELECT project FROM forges WHERE account = :account);

-- name: forge_poll
UPDATE forges SET poll_at = :next WHERE project = :project AND poll_at <= :now
    AND EXISTS (SELECT 1 FROM forge_intents
        WHERE forge_intents.project = forges.project AND live = 1 AND what = 'change' AND number <> '');

-- name: forge_intents_shown
SELECT * FROM forge_intents WHERE project = :project AND live = 1 AND what = 'change' AND number <> '';

-- name: forge_intents_of
SELECT * FROM forge_intents WHERE project = :project ORDER BY live DESC, due, id LIMIT :most;

-- name: forge_intent
SELECT * FROM forge_intents WHERE id = :id;

-- name: forge_says
SELECT shown FROM forge_intents WHERE change = :change AND what = 'change';

-- name: add_forge_delivery
INSERT INTO forge_deliveries (digest, at) VALUES (:digest, :now) ON CONFLICT (digest) DO NOTHING;

-- name: sweep_forge_deliveries
DELETE FROM forge_deliveries WHERE at < :before;

-- name: note_forge_heard
UPDATE forges SET heard = :now, poll_at = CASE WHEN :number = '' THEN 0 ELSE poll_at END WHERE project = :project;

-- name: forge_intent_numbered
SELECT id, updated FROM forge_intents WHERE project = :project AND number = :number AND what = 'change' AND live = 1;
