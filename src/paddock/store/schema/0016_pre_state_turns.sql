-- How far each attempt's writes to state have come, so that one that was sent twice and comes late is known.
CREATE TABLE state_turns (
    job   TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    seq   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
