-- How often what decides on access was changed: tokens revoked or replaced, partners disabled or enabled, recoveries begun
-- and confirmed. Raised in the transaction of the change; replicas that see another number forget what they remember.
CREATE TABLE access_change (
    id bigint NOT NULL PRIMARY KEY,
    changes bigint NOT NULL
);
INSERT INTO access_change (id, changes) VALUES (1, 0);
