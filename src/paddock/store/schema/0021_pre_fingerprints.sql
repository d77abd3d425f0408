-- Digests of the host's parts that an agent is bound to, and how strictly.
ALTER TABLE agents ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN binding TEXT NOT NULL DEFAULT 'optional';
ALTER TABLE tokens ADD COLUMN binding TEXT NOT NULL DEFAULT 'optional';
