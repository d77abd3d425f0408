-- What hosts asked for help with.
CREATE TABLE reports (
    id     TEXT PRIMARY KEY,
    agent  TEXT NOT NULL,
    at     INTEGER NOT NULL,
    note   TEXT NOT NULL,
    told   TEXT NOT NULL,       -- the agent's status tree in JSON
    lines  TEXT NOT NULL        -- the last lines of its log
) STRICT, WITHOUT ROWID;
