-- What an agent says of itself beside its capabilities: a mapping of labels, and a list of how its checks stand.
ALTER TABLE agents ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE agents ADD COLUMN health TEXT NOT NULL DEFAULT '[]';
