-- What jobs remember outside themselves. A value stands in its row when it is small, else the row names its digest.
-- A revision never comes back, not even when its key is deleted and made anew.
CREATE TABLE state (
    space    TEXT NOT NULL,
    owner    TEXT NOT NULL,
    key      TEXT NOT NULL,
    revision TEXT NOT NULL,
    write_id TEXT NOT NULL,      -- by which a write that is sent again is known
    type     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    digest   TEXT,
    expires  INTEGER,
    updated  INTEGER NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (space, owner, key)
) STRICT;
CREATE INDEX state_expiring ON state (expires) WHERE expires IS NOT NULL;
CREATE INDEX state_large ON state (digest) WHERE digest IS NOT NULL;

-- What each owner has, so that no write counts it.
CREATE TABLE state_owners (
    space TEXT NOT NULL,
    owner TEXT NOT NULL,
    keys  INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (space, owner)
) STRICT, WITHOUT ROWID;

-- Large values, each once. `upload` names its parts; `seen` is when it was last written or let go of.
CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    upload TEXT NOT NULL,
    size   INTEGER NOT NULL,
    seen   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_seen ON blobs (seen);

-- Large values on their way; `holder` is the attempt that writes them, or the operators.
CREATE TABLE uploads (
    upload TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    size   INTEGER NOT NULL,
    began  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_of_holder ON uploads (holder);
CREATE INDEX uploads_began ON uploads (began);

CREATE TABLE parts (
    upload TEXT NOT NULL,
    start  INTEGER NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (upload, start)
) STRICT;
