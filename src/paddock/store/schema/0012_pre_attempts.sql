-- Attempts that ended well in one beat stand in one row together; an attempt that ended alone, or otherwise, stands in
-- `attempts`. each: a JSON list, one entry an attempt, its values in the order that `ops/attempts.py` gives.
CREATE TABLE attempts_alike (
    settled INTEGER NOT NULL,
    first   TEXT NOT NULL,
    epoch   INTEGER NOT NULL,
    agent   TEXT NOT NULL,
    session TEXT NOT NULL,
    each    TEXT NOT NULL,
    PRIMARY KEY (settled, first)
) STRICT;
