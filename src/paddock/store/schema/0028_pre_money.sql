-- Money is millionths of the fleet's currency. budget: what a job may cost, as JSON; what was spent on it up to
-- spent_from no longer counts, for a person let it go on then. waits: how often a limit of a model's provider stopped it.
ALTER TABLE jobs ADD COLUMN budget TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs ADD COLUMN spent_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
-- What a lease has reserved, NULL for one that reserves nothing; allowed: what its run may use, as JSON, or empty.
ALTER TABLE jobs ADD COLUMN reserved_money INTEGER;
ALTER TABLE jobs ADD COLUMN reserved_tokens INTEGER;
ALTER TABLE jobs ADD COLUMN allowed TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_reserved ON jobs (project, reserved_money, reserved_tokens)
    WHERE state = 'leased' AND reserved_money IS NOT NULL;
CREATE INDEX changes_merged ON changes (project, updated) WHERE state = 'merged';

-- Bounds within a day, since a merge, and for each job with no budget of its own. 0: no bound.
ALTER TABLE budgets ADD COLUMN money_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN money_merge INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN money_job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN tokens_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN tokens_merge INTEGER NOT NULL DEFAULT 0;
ALTER TABLE budgets ADD COLUMN tokens_job INTEGER NOT NULL DEFAULT 0;

-- Prices of models; the project '' is the whole fleet.
CREATE TABLE prices (
    project TEXT PRIMARY KEY,
    rules   TEXT NOT NULL,
    by      TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each model cost an attempt that told of it or had something reserved. money and tokens: as told, NULL for
-- unknown; charged_*: what counts, which is the reservation where nothing is known. root: the job that it was done for.
-- ms stands in one row of each attempt.
CREATE TABLE spends (
    job            TEXT NOT NULL,
    epoch          INTEGER NOT NULL,
    model          TEXT NOT NULL,
    root           TEXT NOT NULL,
    project        TEXT NOT NULL,
    kind           TEXT NOT NULL,
    at             INTEGER NOT NULL,
    ms             INTEGER NOT NULL,
    money          INTEGER,
    tokens         INTEGER,
    charged_money  INTEGER NOT NULL,
    charged_tokens INTEGER NOT NULL,
    PRIMARY KEY (job, epoch, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX spends_at ON spends (at, charged_money, charged_tokens);
CREATE INDEX spends_of_project ON spends (project, at, charged_money, charged_tokens);
CREATE INDEX spends_of_kind ON spends (project, kind, at);
CREATE INDEX spends_of_root ON spends (root, at);
