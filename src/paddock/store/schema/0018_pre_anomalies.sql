-- What was found about agents. Of one agent and type there is at most one that is open; it counts how often it was seen.
CREATE TABLE anomalies (
    id       TEXT PRIMARY KEY,
    type     TEXT NOT NULL,
    agent    TEXT NOT NULL,         -- empty where it is nobody's
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    times    INTEGER NOT NULL,
    facts    TEXT NOT NULL,
    resolved INTEGER,
    by       TEXT NOT NULL DEFAULT '',
    note     TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX anomalies_open ON anomalies (agent, type) WHERE resolved IS NULL;

-- Where an agent stands: active, quarantined or terminal; each change has the next number, which the agent is told.
ALTER TABLE agents ADD COLUMN standing TEXT NOT NULL DEFAULT 'active';
ALTER TABLE agents ADD COLUMN standing_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agents ADD COLUMN standing_reason TEXT NOT NULL DEFAULT '';

DROP INDEX journal_of_agents;
CREATE INDEX journal_of_agents ON journal (seq) WHERE type IN
    ('agent.activated', 'agent.draining', 'agent.resumed', 'session.started', 'agent.quarantined', 'agent.lifted',
    'agent.terminated');
