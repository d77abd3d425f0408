-- Bounds that reach a project: its own, and the fleet's. merged: when a change of it was last merged.
-- name: budgets_over
SELECT budgets.*, coalesce((SELECT max(changes.updated) FROM changes
    WHERE changes.state = 'merged' AND (budgets.project = '' OR changes.project = budgets.project)), 0) AS merged
FROM budgets
WHERE (project = '' OR project = :project)
    AND money_day + money_merge + money_job + tokens_day + tokens_merge + tokens_job > 0
ORDER BY project DESC;

-- name: any_metered
SELECT count(*) FROM budgets WHERE money_day + money_merge + money_job + tokens_day + tokens_merge + tokens_job > 0;

-- name: budget_of_author
SELECT jobs.budget FROM changes JOIN jobs ON jobs.id = changes.job WHERE changes.id = :change;

-- name: capped
SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(:ids)) AND budget <> '{}';

-- name: charged_in_project
SELECT CAST(coalesce(sum(charged_money), 0) AS INTEGER) AS money,
    CAST(coalesce(sum(charged_tokens), 0) AS INTEGER) AS tokens, min(at) AS oldest
FROM spends WHERE project = :project AND at > :since;

-- name: charged_in_fleet
SELECT CAST(coalesce(sum(charged_money), 0) AS INTEGER) AS money,
    CAST(coalesce(sum(charged_tokens), 0) AS INTEGER) AS tokens, min(at) AS oldest
FROM spends WHERE at > :since;

-- name: charged_on
SELECT CAST(coalesce(sum(charged_money), 0) AS INTEGER) AS money,
    CAST(coalesce(sum(charged_tokens), 0) AS INTEGER) AS tokens, CAST(coalesce(sum(ms), 0) AS INTEGER) AS ms
FROM spends WHERE root = :root AND at > :since;

-- What live leases have reserved.
-- name: reserved
SELECT project, CAST(sum(reserved_money) AS INTEGER) AS money, CAST(sum(reserved_tokens) AS INTEGER) AS tokens,
    count(*) AS runs
FROM jobs WHERE state = 'leased' AND reserved_money IS NOT NULL GROUP BY project;

-- name: reserved_on
SELECT CAST(coalesce(sum(reserved_money), 0) AS INTEGER) AS money,
    CAST(coalesce(sum(reserved_tokens), 0) AS INTEGER) AS tokens
FROM jobs
WHERE state = 'leased' AND reserved_money IS NOT NULL AND project = :project
    AND (id = :root OR subject IN (SELECT id FROM changes WHERE changes.job = :root));

-- What the latest runs of a kind cost that told.
-- name: told_of_kind
SELECT CAST(sum(money) AS INTEGER) AS money, CAST(sum(tokens) AS INTEGER) AS tokens, count(*) - count(money) AS unknown
FROM (SELECT job, epoch, money, tokens FROM spends
    WHERE project = :project AND kind = :kind AND tokens IS NOT NULL ORDER BY at DESC LIMIT 100) AS latest
GROUP BY job, epoch;

-- name: told_of_kind_anywhere
SELECT CAST(sum(money) AS INTEGER) AS money, CAST(sum(tokens) AS INTEGER) AS tokens, count(*) - count(money) AS unknown
FROM (SELECT job, epoch, money, tokens FROM spends
    WHERE kind = :kind AND tokens IS NOT NULL ORDER BY at DESC LIMIT 100) AS latest
GROUP BY job, epoch;

-- The grant of a job that may not cost more than something: in one statement it reserves and raises the epoch. It is held
-- against what counts at this moment, so that no two of them ever reserve the same.
-- name: grant_reserved
UPDATE jobs SET state = 'leased', epoch = epoch + 1, attempt = attempt + 1, agent = :agent, session = :session,
    seq = :seq, expires_at = :expires_at, started = :now, ended = NULL, reason = '', cancel = NULL, wip = '',
    reserved_money = :money, reserved_tokens = :tokens, allowed = :allowed
WHERE id = :id AND epoch = :epoch AND coalesce(state, '') IN ('ready', 'changes_requested')
    AND (exclusive IS NULL OR NOT EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.state = 'leased' AND other.exclusive = jobs.exclusive))
    AND EXISTS (SELECT 1 FROM agents WHERE agents.id = :agent AND agents.session = :session)
    AND NOT EXISTS (
        SELECT 1 FROM budgets WHERE (budgets.project = '' OR budgets.project = jobs.project) AND (
            (:money > 0 AND money_day > 0 AND money_day < :money
                + (SELECT coalesce(sum(charged_money), 0) FROM spends WHERE (budgets.project = '' OR spends.project = budgets.project)
                    AND at > CASE WHEN budgets.project = '' THEN :fleet_day ELSE :project_day END)
                + (SELECT coalesce(sum(other.reserved_money), 0) FROM jobs AS other WHERE other.state = 'leased'
                    AND other.reserved_money IS NOT NULL AND (budgets.project = '' OR other.project = budgets.project)))
            OR (:money > 0 AND money_merge > 0 AND money_merge < :money
                + (SELECT coalesce(sum(charged_money), 0) FROM spends WHERE (budgets.project = '' OR spends.project = budgets.project)
                    AND at > CASE WHEN budgets.project = '' THEN :fleet_merge ELSE :project_merge END)
                + (SELECT coalesce(sum(other.reserved_money), 0) FROM jobs AS other WHERE other.state = 'leased'
                    AND other.reserved_money IS NOT NULL AND (budgets.project = '' OR other.project = budgets.project)))
            OR (:tokens > 0 AND tokens_day > 0 AND tokens_day < :tokens
                + (SELECT coalesce(sum(charged_tokens), 0) FROM spends WHERE (budgets.project = '' OR spends.project = budgets.project)
                    AND at > CASE WHEN budgets.project = '' THEN :fleet_day ELSE :project_day END)
                + (SELECT coalesce(sum(other.reserved_tokens), 0) FROM jobs AS other WHERE other.state = 'leased'
                    AND other.reserved_money IS NOT NULL AND (budgets.project = '' OR other.project = budgets.project)))
            OR (:tokens > 0 AND tokens_merge > 0 AND tokens_merge < :tokens
                + (SELECT coalesce(sum(charged_tokens), 0) FROM spends WHERE (budgets.project = '' OR spends.project = budgets.project)
                    AND at > CASE WHEN budgets.project = '' THEN :fleet_merge ELSE :project_merge END)
                + (SELECT coalesce(sum(other.reserved_tokens), 0) FROM jobs AS other WHERE other.state = 'leased'
                    AND other.reserved_money IS NOT NULL AND (budgets.project = '' OR other.project = budgets.project)))))
RETURNING id, name, project, kind, lane, attempt, epoch, session, urgency, payload, scope, accept, timeout, allowed;

-- name: add_spend
INSERT INTO spends (job, epoch, model, root, project, kind, at, ms, money, tokens, charged_money, charged_tokens)
VALUES (:job, :epoch, :model, :root, :project, :kind, :at, :ms, :money, :tokens, :charged_money, :charged_tokens)
ON CONFLICT (job, epoch, model) DO NOTHING;

-- What was spent since a moment, by project, kind and model; an attempt that used several models counts once in `runs`.
-- name: charged_since
SELECT project, kind, model, count(*) AS runs, CAST(sum(ms) AS INTEGER) AS ms, CAST(sum(charged_money) AS INTEGER) AS money,
    CAST(sum(charged_tokens) AS INTEGER) AS tokens, count(*) - count(money) AS unknown,
    CAST(sum(CASE WHEN money IS NULL THEN charged_money ELSE 0 END) AS INTEGER) AS supposed
FROM spends WHERE at > :since GROUP BY project, kind, model;

-- name: told_since
SELECT project, kind, count(*) AS runs
FROM (SELECT DISTINCT project, kind, job, epoch FROM spends WHERE at > :since) AS told GROUP BY project, kind;

-- name: prices
SELECT * FROM prices ORDER BY project;

-- name: set_prices
INSERT INTO prices (project, rules, by, updated) VALUES (:project, :rules, :by, :now)
ON CONFLICT (project) DO UPDATE SET rules = excluded.rules, by = excluded.by, updated = excluded.updated;

-- name: remove_prices
DELETE FROM prices WHERE project = :project;
