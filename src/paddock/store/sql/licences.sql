-- name: set_licence
INSERT INTO licences (name, terms, changed) VALUES (:name, :terms, :now)
ON CONFLICT (name) DO UPDATE SET terms = excluded.terms, changed = excluded.changed;

-- name: licences
SELECT name, terms FROM licences ORDER BY name;

-- name: drop_licence
DELETE FROM licences WHERE name = :name;

-- name: agents_under
SELECT count(*) FROM agents WHERE licence = :name AND standing <> 'terminal';

-- What has lapsed is gone before anybody is counted, so there are never more rows of a licence than it has seats.
-- name: lapse_seats
DELETE FROM seats WHERE licence = :licence AND until <= :now AND agent <> :agent;

-- Seats that others have.
-- name: seats_taken
SELECT count(*) FROM seats WHERE licence = :licence AND agent <> :agent;

-- name: take_seat
INSERT INTO seats (agent, licence, until) VALUES (:agent, :licence, :until)
ON CONFLICT (agent) DO UPDATE SET licence = excluded.licence, until = excluded.until;

-- name: keep_seats
UPDATE seats SET until = :until WHERE agent IN (SELECT value FROM json_each(:ids)) AND until < :until;

-- name: draw_out_seats
UPDATE seats SET until = :until WHERE until < :until;

-- name: free_seat
DELETE FROM seats WHERE agent = :agent;

-- name: free_seats_of
DELETE FROM seats WHERE licence = :licence;

-- name: seats
SELECT agent, licence, until FROM seats WHERE until > :now ORDER BY agent;
