-- Times are epoch milliseconds. Lists and mappings are JSON. Ids sort by time, so every index on them grows at its end.
CREATE TABLE projects (
    name    TEXT PRIMARY KEY,
    repo    TEXT NOT NULL,
    branch  TEXT NOT NULL,
    checks  TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id          TEXT PRIMARY KEY,
    project     TEXT NOT NULL REFERENCES projects (name),
    name        TEXT NOT NULL,
    opens_batch TEXT REFERENCES batches (id),
    opens_done  INTEGER NOT NULL DEFAULT 0,
    created     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_opening ON batches (opens_batch) WHERE opens_batch IS NOT NULL;

-- A lease is the columns agent, session, epoch, seq and expires_at of a leased job; nothing else says who holds it.
CREATE TABLE jobs (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    batch        TEXT,
    project      TEXT NOT NULL,
    kind         TEXT NOT NULL,
    lane         TEXT NOT NULL,
    state        TEXT NOT NULL,
    priority     INTEGER NOT NULL,
    urgency      INTEGER NOT NULL,
    payload      TEXT NOT NULL,
    scope        TEXT NOT NULL,
    requires     TEXT NOT NULL,
    accept       TEXT NOT NULL,
    timeout      INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 0,
    losses       INTEGER NOT NULL DEFAULT 0,
    epoch        INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL DEFAULT 0,
    agent        TEXT,
    session      TEXT,
    seq          INTEGER,
    expires_at   INTEGER,
    reason       TEXT NOT NULL DEFAULT '',
    cancel       TEXT,
    change       TEXT,
    wip          TEXT NOT NULL DEFAULT '',  -- where the work of the live attempt was saved by whoever found it dead
    subject      TEXT,      -- the change that a system job serves
    unique_key   TEXT,
    exclusive    TEXT,      -- at most one leased job per value
    created      INTEGER NOT NULL,
    started      INTEGER,
    ended        INTEGER
) STRICT;
CREATE INDEX jobs_ready ON jobs (lane, urgency DESC, id) WHERE state IN ('ready', 'changes_requested');
CREATE INDEX jobs_delayed ON jobs (lane, not_before) WHERE state IN ('ready', 'changes_requested') AND not_before > 0;
CREATE INDEX jobs_leased ON jobs (agent, expires_at) WHERE state = 'leased';
CREATE UNIQUE INDEX jobs_exclusive ON jobs (exclusive) WHERE state = 'leased' AND exclusive IS NOT NULL;
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX jobs_of_batch ON jobs (batch, id) WHERE batch IS NOT NULL;
CREATE INDEX jobs_serving ON jobs (subject) WHERE subject IS NOT NULL;
CREATE INDEX jobs_named ON jobs (name, id);
CREATE INDEX jobs_waiting ON jobs (state) WHERE state IN ('blocked', 'in_review');
CREATE INDEX jobs_stuck ON jobs (state) WHERE state IN ('parked', 'refused');
CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;

CREATE TABLE needs (
    job   TEXT NOT NULL,
    needs TEXT NOT NULL,
    PRIMARY KEY (job, needs)
) STRICT, WITHOUT ROWID;
CREATE INDEX needs_back ON needs (needs, job);

CREATE TABLE attempts (
    job         TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    agent       TEXT NOT NULL,
    session     TEXT NOT NULL,
    state       TEXT NOT NULL,
    code        TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    exit_code   INTEGER,
    claimed     INTEGER NOT NULL,
    started     INTEGER,
    ended       INTEGER,
    settled     INTEGER NOT NULL,   -- when the control plane heard of the end
    spawn_ms    INTEGER,
    wip         TEXT NOT NULL DEFAULT '',
    containment TEXT NOT NULL DEFAULT '',
    result      TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (job, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE spawns (
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    spawn_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX spawns_of_kind ON spawns (kind, at DESC);

CREATE TABLE agents (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    public_key      TEXT NOT NULL,
    generation      INTEGER NOT NULL,
    version         TEXT NOT NULL DEFAULT '',
    kinds           TEXT NOT NULL DEFAULT '[]',
    capabilities    TEXT NOT NULL DEFAULT '[]',
    slots           INTEGER NOT NULL DEFAULT 0,
    containment     TEXT NOT NULL DEFAULT '',
    session         TEXT NOT NULL DEFAULT '',
    session_started INTEGER NOT NULL DEFAULT 0,
    draining        INTEGER NOT NULL DEFAULT 0,
    created         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agents_named ON agents (name, id);

-- Every boot of every agent; one that was replaced never comes back.
CREATE TABLE sessions (
    session TEXT PRIMARY KEY,
    agent   TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    hash     TEXT PRIMARY KEY,
    label    TEXT NOT NULL,
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    used_at  INTEGER,
    used_key TEXT,
    agent    TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    id            TEXT PRIMARY KEY,
    job           TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    name          TEXT NOT NULL,
    project       TEXT NOT NULL,
    branch        TEXT NOT NULL,
    base          TEXT NOT NULL,
    head          TEXT NOT NULL,
    tree          TEXT NOT NULL,
    state         TEXT NOT NULL,
    files         TEXT NOT NULL,
    more_files    INTEGER NOT NULL DEFAULT 0,
    reason        TEXT NOT NULL DEFAULT '',
    merged_commit TEXT,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_of_job ON changes (job, id);
CREATE INDEX changes_open ON changes (state, id) WHERE state IN ('open', 'approved');

CREATE TABLE decisions (
    change   TEXT NOT NULL,
    by       TEXT NOT NULL,
    decision TEXT NOT NULL,
    note     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (change, by)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    job     TEXT PRIMARY KEY,
    change  TEXT NOT NULL,
    project TEXT NOT NULL,
    head    TEXT NOT NULL,
    tree    TEXT NOT NULL,
    green   INTEGER NOT NULL,
    checks  TEXT NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_of_change ON evidence (change, at);
CREATE INDEX evidence_of_tree ON evidence (project, tree, at);

CREATE TABLE journal (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    type  TEXT NOT NULL,
    job   TEXT,
    agent TEXT,
    data  TEXT NOT NULL
) STRICT;
CREATE INDEX journal_of_job ON journal (job, seq) WHERE job IS NOT NULL;
-- Rows that tell the same of many jobs at once; a job's own moments lead to them.
CREATE INDEX journal_of_many ON journal (at) WHERE job IS NULL AND type IN ('jobs.submitted', 'jobs.leased', 'attempts.done');
