-- Work is claimed partner by partner, in turns.
DROP INDEX kkt_due;
CREATE INDEX kkt_turn ON kkt (partner_id, due_ms) WHERE due_ms IS NOT NULL;

-- Since when an outer system has not answered this registration, Unix milliseconds by our clock; absent while it does.
ALTER TABLE kkt ADD COLUMN failing_since_ms bigint;

-- What followed when a backup was restored: one row a restore, the open one without an end. What is confirmed is no
-- longer held back.
CREATE TABLE recovery (
    name text NOT NULL PRIMARY KEY,
    since_ms bigint NOT NULL,
    tokens_confirmed_ms bigint,
    fleet_confirmed_ms bigint,
    finished_ms bigint
);
CREATE UNIQUE INDEX recovery_open ON recovery ((finished_ms IS NULL)) WHERE finished_ms IS NULL;
