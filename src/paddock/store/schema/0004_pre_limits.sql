-- A project is paused while paused_until lies ahead; so it resumes by itself. Its weight is its share of live leases.
ALTER TABLE projects ADD COLUMN paused_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN pause_note TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;

-- Of one project, at most one job that has not ended has a given open_key.
ALTER TABLE jobs ADD COLUMN open_key TEXT;
ALTER TABLE jobs ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX jobs_open_key ON jobs (project, open_key)
    WHERE open_key IS NOT NULL AND state IN ('blocked', 'ready', 'leased', 'in_review', 'changes_requested');
-- Live leases are counted by lane without a look at the jobs.
CREATE INDEX jobs_live ON jobs (lane) WHERE state = 'leased';

-- An empty selector lets everything through. most: live leases; starts: attempts that began within window_ms. A row
-- with neither marks that a project is paused, so that a claim sees by this table alone whether anything is held back.
CREATE TABLE limits (
    name       TEXT PRIMARY KEY,
    key        TEXT NOT NULL DEFAULT '',
    project    TEXT NOT NULL DEFAULT '',
    kind       TEXT NOT NULL DEFAULT '',
    capability TEXT NOT NULL DEFAULT '',
    most       INTEGER,
    starts     INTEGER,
    window_ms  INTEGER,
    updated    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each attempt that began under a limit with a window, for as long as the window lasts.
CREATE TABLE starts (
    limit_name TEXT NOT NULL,
    job        TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (limit_name, job, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX starts_at ON starts (limit_name, at);

-- submits: the batch that each firing submits, as JSON. Either cron with its zone, or every (milliseconds).
CREATE TABLE schedules (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    project    TEXT NOT NULL,
    submits    TEXT NOT NULL,
    cron       TEXT NOT NULL DEFAULT '',
    zone       TEXT NOT NULL DEFAULT '',
    every      INTEGER,
    overlap    TEXT NOT NULL,
    catch_up   INTEGER NOT NULL,
    paused     INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE paused = 0;

-- What became of each time a schedule was due: the batch it made, or why it made none.
CREATE TABLE firings (
    schedule TEXT NOT NULL,
    at       INTEGER NOT NULL,
    batch    TEXT,
    reason   TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;
