-- What is known of the state that rolls with an agent's beats, as of its last session: see core/rolling.py.
ALTER TABLE agents ADD COLUMN roll TEXT NOT NULL DEFAULT '[0,"",""]';
