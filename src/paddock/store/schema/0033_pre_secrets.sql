-- Secrets that jobs of a project may name; `sealed` is the value, encrypted with a key that is not in the store.
CREATE TABLE secrets (
    project TEXT NOT NULL,
    name    TEXT NOT NULL,
    sealed  TEXT NOT NULL,
    changed INTEGER NOT NULL,
    set_by  TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
