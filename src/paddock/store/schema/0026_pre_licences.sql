-- What agents may do, by the name of a licence; `terms` is the licence as JSON.
CREATE TABLE licences (
    name    TEXT PRIMARY KEY,
    terms   TEXT NOT NULL,
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Agents that work under a licence which counts them. A seat is free again once `until` has passed.
CREATE TABLE seats (
    agent   TEXT PRIMARY KEY,
    licence TEXT NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seats_taken ON seats (licence, until);

-- The licence that an agent works under, from its token; empty is the one called `default`, if there is one.
ALTER TABLE tokens ADD COLUMN licence TEXT NOT NULL DEFAULT '';
ALTER TABLE agents ADD COLUMN licence TEXT NOT NULL DEFAULT '';
