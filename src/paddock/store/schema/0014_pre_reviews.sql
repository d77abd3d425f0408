-- How a project's changes are reviewed: core/reviewing.Rules as JSON. A project without a row has none.
CREATE TABLE review_rules (
    project TEXT PRIMARY KEY,
    rules   TEXT NOT NULL,
    by      TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One review of one head. own: whether the agent that ran it had written some of the change.
CREATE TABLE reviews (
    job       TEXT PRIMARY KEY,
    change    TEXT NOT NULL,
    head      TEXT NOT NULL,
    agent     TEXT NOT NULL,
    own       INTEGER NOT NULL,
    reviewers TEXT NOT NULL,    -- JSON: each with its name, whether it ran, and why not
    found     INTEGER NOT NULL,
    more      INTEGER NOT NULL, -- findings that were not kept
    fixed     INTEGER NOT NULL, -- findings of earlier reviews that were gone
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_of_change ON reviews (change, at);

-- The ledger. A job's changes share it, so that what one attempt left is known in the next.
CREATE TABLE findings (
    id          TEXT PRIMARY KEY,
    author      TEXT NOT NULL,      -- the job whose changes it stands in
    change      TEXT NOT NULL,      -- the latest of them that was reviewed
    project     TEXT NOT NULL,
    known_by    TEXT NOT NULL,      -- by which it is known again
    reviewer    TEXT NOT NULL,
    rule        TEXT NOT NULL,
    path        TEXT NOT NULL,
    line        INTEGER NOT NULL,
    severity    TEXT NOT NULL,
    message     TEXT NOT NULL,
    state       TEXT NOT NULL,
    head        TEXT NOT NULL,      -- the last head on which it was found
    filed       INTEGER NOT NULL DEFAULT 0, -- the latest round of `change` in which a fixer got it
    times       INTEGER NOT NULL DEFAULT 0, -- how often a fixer got it
    by          TEXT NOT NULL DEFAULT '',   -- who dismissed it
    note        TEXT NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX findings_known ON findings (author, known_by);
CREATE INDEX findings_of_change ON findings (change, id);
CREATE INDEX findings_open ON findings (project, id) WHERE state = 'open';

-- Rounds of mending: what was given to fixers, and how much of it a later review missed.
CREATE TABLE review_rounds (
    change TEXT NOT NULL,
    round  INTEGER NOT NULL,
    author TEXT NOT NULL,
    head   TEXT NOT NULL,
    filed  INTEGER NOT NULL,
    fixed  INTEGER NOT NULL DEFAULT 0,
    at     INTEGER NOT NULL,
    PRIMARY KEY (change, round)
) STRICT, WITHOUT ROWID;
CREATE INDEX review_rounds_of_job ON review_rounds (author);

-- A fix moves a change's head: the agents that wrote it, and the attempt whose diff shows it as it stands.
ALTER TABLE changes ADD COLUMN authors TEXT NOT NULL DEFAULT '[]';
ALTER TABLE changes ADD COLUMN diff_job TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN diff_epoch INTEGER NOT NULL DEFAULT 0;
-- What a person decided on; empty where it was decided before heads could move.
ALTER TABLE decisions ADD COLUMN head TEXT NOT NULL DEFAULT '';
