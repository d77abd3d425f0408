-- name: add_agent
INSERT INTO agents (id, name, public_key, generation, created, granted, channel, binding, licence)
VALUES (:id, :name, :public_key, :generation, :created, :granted, :channel, :binding, :licence);

-- name: agent
SELECT * FROM agents WHERE id = :id;

-- name: agents
SELECT * FROM agents ORDER BY name, id;

-- name: agent_named
SELECT * FROM agents WHERE name = :name ORDER BY id DESC LIMIT 1;

-- name: start_session
UPDATE agents SET session = :session, session_started = :now, name = :name, version = :version, kinds = :kinds,
    capabilities = :capabilities, slots = :slots, containment = :containment, labels = :labels, health = :health,
    draining = CASE WHEN session = :session THEN draining ELSE 0 END
WHERE id = :agent;

-- name: set_health
UPDATE agents SET health = :health WHERE id = :id AND session = :session;

-- name: session
SELECT * FROM sessions WHERE session = :session;

-- name: add_session
INSERT INTO sessions (session, agent, started) VALUES (:session, :agent, :now);

-- name: end_session
UPDATE sessions SET ended = :now WHERE session = :session AND ended IS NULL;

-- name: set_draining
UPDATE agents SET draining = :draining WHERE id = :id;
