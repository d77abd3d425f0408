-- By what a finding is known again: a text, where a column called fingerprint is JSON elsewhere.
ALTER TABLE findings RENAME COLUMN fingerprint TO known_by;
