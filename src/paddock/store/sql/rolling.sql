-- name: roll
UPDATE agents SET roll = :after WHERE id = :agent AND roll = :before;

-- name: forget_roll
UPDATE agents SET roll = '[0,"",""]' WHERE id = :agent;
