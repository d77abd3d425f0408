-- Topics: events in the order of their commits, at positions without gaps. `last` is the latest position.
CREATE TABLE topics (
    name       TEXT PRIMARY KEY,
    keep_ms    INTEGER NOT NULL,    -- events older than this are dropped; 0 keeps them
    keep_count INTEGER NOT NULL,    -- all but so many of the latest are dropped; 0 keeps them
    last       INTEGER NOT NULL DEFAULT 0,
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    topic    TEXT NOT NULL,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    source   TEXT NOT NULL,
    id       TEXT NOT NULL,
    event    TEXT NOT NULL,         -- the CloudEvent in JSON
    PRIMARY KEY (topic, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_once ON events (topic, source, id);
CREATE INDEX events_aged ON events (topic, at);

-- A group of consumers: `next` is the first position that nobody of it was given yet.
CREATE TABLE consumers (
    topic   TEXT NOT NULL,
    name    TEXT NOT NULL,
    next    INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;

-- What a group was given and has not acknowledged. The token is new at every delivery: the fence of the one before.
CREATE TABLE deliveries (
    topic    TEXT NOT NULL,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    token    TEXT NOT NULL,
    consumer TEXT NOT NULL,
    tries    INTEGER NOT NULL,
    dead     INTEGER NOT NULL DEFAULT 0,
    until    INTEGER NOT NULL,
    PRIMARY KEY (topic, name, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (topic, name, until) WHERE dead = 0;
CREATE INDEX deliveries_told ON deliveries (token);
