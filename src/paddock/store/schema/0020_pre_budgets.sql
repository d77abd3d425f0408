-- What a project's agents may spend, in seconds of their time; the project '' is the whole fleet. 0: no bound.
-- since: nothing earlier counts. tripped: when the budget was found used up; it stays so until a person goes on.
CREATE TABLE budgets (
    project     TEXT PRIMARY KEY,
    a_day       INTEGER NOT NULL,
    since_merge INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    tripped     INTEGER NOT NULL DEFAULT 0,
    reason      TEXT NOT NULL DEFAULT '',
    by          TEXT NOT NULL,
    updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
