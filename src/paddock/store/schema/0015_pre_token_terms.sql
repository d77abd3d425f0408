-- What a token is good for besides one activation: labels and a channel for its agent, and the addresses it may come from.
ALTER TABLE tokens ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tokens ADD COLUMN channel TEXT NOT NULL DEFAULT 'stable';
ALTER TABLE tokens ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN revoked INTEGER;
CREATE INDEX tokens_newest ON tokens (created);

-- Labels that an agent has from its token; they win over what it says of itself.
ALTER TABLE agents ADD COLUMN granted TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN channel TEXT NOT NULL DEFAULT 'stable';
