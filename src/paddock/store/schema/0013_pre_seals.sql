-- The journal's rows, sealed in batches: a mark of each row, the head of the chain with them, and its signed checkpoint.
CREATE TABLE seals (
    number     INTEGER PRIMARY KEY,
    last       INTEGER NOT NULL,    -- the last row that it holds
    at         INTEGER NOT NULL,
    marks      BLOB NOT NULL,
    head       TEXT NOT NULL,
    checkpoint TEXT NOT NULL        -- the envelope in JSON
) STRICT;
