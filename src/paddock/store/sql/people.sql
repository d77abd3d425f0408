-- name: people
SELECT * FROM people ORDER BY name;

-- name: person
SELECT * FROM people WHERE id = :ref OR name = :ref ORDER BY CASE WHEN id = :ref THEN 0 ELSE 1 END LIMIT 1;

-- name: person_of_subject
SELECT * FROM people WHERE subject = :subject;

-- name: add_person
INSERT INTO people (id, name, role, password, subject, created)
VALUES (:id, :name, :role, CAST(:password AS TEXT), CAST(:subject AS TEXT), :now);

-- name: set_person_role
UPDATE people SET role = :role WHERE id = :id;

-- name: set_person_disabled
UPDATE people SET disabled = CAST(:disabled AS BIGINT) WHERE id = :id;

-- name: set_person_password
UPDATE people SET password = :password WHERE id = :id;

-- Who could still own everything, besides one.
-- name: owners
SELECT count(*) FROM people WHERE role = 'owner' AND disabled IS NULL AND id <> :besides;

-- name: add_one_time
INSERT INTO one_time (hash, kind, person, kept, expires)
VALUES (:hash, :kind, CAST(:person AS TEXT), :kept, :expires);

-- name: one_time
SELECT * FROM one_time WHERE hash = :hash AND expires > :now;

-- name: drop_one_time
DELETE FROM one_time WHERE hash = :hash;

-- name: drop_links
DELETE FROM one_time WHERE kind = :kind AND person = :person;

-- name: drop_setup_links
DELETE FROM one_time WHERE kind = 'setup';

-- name: sweep_one_time
DELETE FROM one_time WHERE expires <= :now OR hash IN
    (SELECT hash FROM one_time WHERE kind = 'kept' ORDER BY expires DESC LIMIT 100 OFFSET :most);

-- name: login_try
SELECT * FROM login_tries WHERE key = :key;

-- name: set_login_try
INSERT INTO login_tries (key, count, last, until) VALUES (:key, :count, :now, :until)
ON CONFLICT (key) DO UPDATE SET count = excluded.count, last = excluded.last, until = excluded.until;

-- name: forget_login_try
DELETE FROM login_tries WHERE key = :key;

-- name: uncount_login_try
UPDATE login_tries SET count = count - 1, until = 0 WHERE key = :key AND count > 0;

-- name: sweep_login_tries
DELETE FROM login_tries WHERE last < :before OR key IN
    (SELECT key FROM login_tries ORDER BY until DESC, last DESC LIMIT 100 OFFSET :most);

-- name: add_login
INSERT INTO person_sessions (hash, person, kind, created, seen, idle, expires, proven, address, program)
VALUES (:hash, :person, :kind, :created, :seen, :idle, :expires, :proven, :address, :program);

-- name: login
SELECT s.* FROM person_sessions s JOIN people p ON p.id = s.person
WHERE s.hash = :hash AND s.expires > :now AND s.seen + s.idle > :now AND p.disabled IS NULL;

-- name: see_login
UPDATE person_sessions SET seen = :now WHERE hash = :hash;

-- name: prove_login
UPDATE person_sessions SET hash = :new, proven = :now, seen = :now
WHERE hash = :hash AND expires > :now AND seen + idle > :now;

-- name: logins
SELECT * FROM person_sessions WHERE person = :person AND expires > :now AND seen + idle > :now ORDER BY created DESC;

-- name: end_logins
DELETE FROM person_sessions WHERE person = :person AND hash LIKE :start;

-- name: sweep_logins
DELETE FROM person_sessions WHERE hash = :instead_of OR expires <= :now OR seen + idle <= :now;

-- name: add_api_token
INSERT INTO api_tokens (hash, person, label, scopes, created, expires)
VALUES (:hash, :person, :label, :scopes, :created, :expires);

-- name: api_token
SELECT t.* FROM api_tokens t JOIN people p ON p.id = t.person
WHERE t.hash = :hash AND t.expires > :now AND t.revoked IS NULL AND p.disabled IS NULL;

-- name: see_api_token
UPDATE api_tokens SET seen = :now WHERE hash = :hash;

-- name: api_tokens
SELECT * FROM api_tokens WHERE person = :person OR :person = '' ORDER BY created DESC, hash LIMIT 1000;

-- name: api_token_named
SELECT * FROM api_tokens WHERE (hash LIKE :start OR label = :label) AND (person = :person OR :person = '')
ORDER BY CASE WHEN revoked IS NULL THEN 0 ELSE 1 END, created DESC LIMIT 1;

-- name: revoke_api_token
UPDATE api_tokens SET revoked = :now WHERE hash = :hash AND revoked IS NULL;

-- name: revoke_api_tokens
UPDATE api_tokens SET revoked = :now WHERE person = :person AND revoked IS NULL;
