-- Where a project's changes are shown beside Paddock. token and secret are sealed with a key that the store never sees.
CREATE TABLE forges (
    project TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    base    TEXT NOT NULL,               -- of its API
    repo    TEXT NOT NULL,
    account TEXT NOT NULL,               -- whose quota its requests spend
    login   TEXT NOT NULL,               -- whom the token acts as there
    token   TEXT NOT NULL,
    secret  TEXT NOT NULL,               -- of its webhooks
    merges  INTEGER NOT NULL,            -- 1: the forge merges; 0: the merge queue moves the branch
    people  TEXT NOT NULL,               -- JSON: login there → person here
    by      TEXT NOT NULL,
    updated INTEGER NOT NULL,
    heard   INTEGER NOT NULL DEFAULT 0,  -- when the latest webhook was believed
    poll_at INTEGER NOT NULL DEFAULT 0   -- when it is looked at next
) STRICT, WITHOUT ROWID;

-- What is to be done on a forge, and what came of it. Whoever works at one holds it for a while, fenced by its turn.
CREATE TABLE forge_intents (
    id          TEXT PRIMARY KEY,
    project     TEXT NOT NULL,
    what        TEXT NOT NULL,               -- change, comment, issue
    subject     TEXT NOT NULL,               -- the id of the change, the comment or the finding
    change      TEXT NOT NULL,
    text        TEXT NOT NULL DEFAULT '',    -- what a person wants said
    by          TEXT NOT NULL DEFAULT '',
    live        INTEGER NOT NULL DEFAULT 1,  -- 0: nothing is left to do
    due         INTEGER NOT NULL,
    nudged      INTEGER NOT NULL DEFAULT 0,  -- when the forge last said that something moved
    holder      TEXT NOT NULL DEFAULT '',
    lease_until INTEGER NOT NULL DEFAULT 0,
    turn        INTEGER NOT NULL DEFAULT 0,
    tries       INTEGER NOT NULL DEFAULT 0,  -- begun since it last went well
    trouble     TEXT NOT NULL DEFAULT '',
    seen        INTEGER NOT NULL DEFAULT 0,  -- what is newer than this has not been told
    number      TEXT NOT NULL DEFAULT '',    -- by which the forge knows it
    url         TEXT NOT NULL DEFAULT '',
    shown       TEXT NOT NULL DEFAULT '{}',  -- JSON: what the forge was told, and what it said
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX forge_intents_live ON forge_intents (due) WHERE live = 1;
CREATE INDEX forge_intents_of_change ON forge_intents (change, what);

-- What an account may still ask of a forge, and which control plane does the asking.
CREATE TABLE forge_quotas (
    account     TEXT PRIMARY KEY,
    quota       TEXT NOT NULL DEFAULT '{}',
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Webhooks that were believed, by their body: none is believed twice.
CREATE TABLE forge_deliveries (
    digest TEXT PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
