-- People, and how each proves who they are: a password's argon2id hash, or a subject at an OpenID provider.
CREATE TABLE people (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    role      TEXT NOT NULL,
    password  TEXT,
    subject   TEXT UNIQUE,
    created   INTEGER NOT NULL,
    disabled  INTEGER
) STRICT, WITHOUT ROWID;

-- Logins by the digest of their secret.
CREATE TABLE person_sessions (
    hash     TEXT PRIMARY KEY,
    person   TEXT NOT NULL REFERENCES people (id),
    kind     TEXT NOT NULL,       -- browser or cli
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,
    idle     INTEGER NOT NULL,    -- milliseconds without use after which it is over
    expires  INTEGER NOT NULL,
    proven   INTEGER NOT NULL,    -- when the person last proved who they are
    address  TEXT NOT NULL,
    program  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_sessions_of ON person_sessions (person);

-- Tokens of programs, by their digest.
CREATE TABLE api_tokens (
    hash     TEXT PRIMARY KEY,
    person   TEXT NOT NULL REFERENCES people (id),
    label    TEXT NOT NULL,
    scopes   TEXT NOT NULL,       -- separated by spaces
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    seen     INTEGER,
    revoked  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_tokens_of ON api_tokens (person);

-- Secrets that are good once: set-up links, links for a first password, logins under way at a provider.
CREATE TABLE one_time (
    hash     TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,
    person   TEXT,
    kept     TEXT NOT NULL,
    expires  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_expires ON one_time (expires);

-- Tries to log in, by name and by address, until one succeeds or they are forgotten.
CREATE TABLE login_tries (
    key    TEXT PRIMARY KEY,
    count  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    until  INTEGER NOT NULL       -- no try before this moment
) STRICT, WITHOUT ROWID;
CREATE INDEX login_tries_last ON login_tries (last);
