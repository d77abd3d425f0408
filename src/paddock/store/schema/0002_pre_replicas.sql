-- What the replicas of one control plane agree on: the keys they sign with, and when one of them last kept the leases.
CREATE TABLE fleet (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What runs print, where no one folder of files serves all replicas.
CREATE TABLE logs (
    job    TEXT NOT NULL,
    epoch  INTEGER NOT NULL,
    stream TEXT NOT NULL,
    start  INTEGER NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (job, epoch, stream, start)
) STRICT;

-- By which a replica finds the agents that changed while it was not looking.
CREATE INDEX journal_of_agents ON journal (seq)
    WHERE type IN ('agent.activated', 'agent.draining', 'agent.resumed', 'session.started');
