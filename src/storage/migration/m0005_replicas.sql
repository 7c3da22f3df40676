-- Work is claimed partner by partner, in turns.
DROP INDEX kkt_due;
CREATE INDEX kkt_turn ON kkt (partner_id, due_ms) WHERE due_ms IS NOT NULL;

-- Since when an outer system has not answered this registration, Unix milliseconds by our clock; absent while it does.
ALTER TABLE kkt ADD COLUMN failing_since_ms bigint;

-- The one open recovery after a backup was restored; no row in ordinary times. What is confirmed is no longer held back.
CREATE TABLE recovery (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1),
    actor text NOT NULL,
    reason text NOT NULL,
    since_ms bigint NOT NULL,
    tokens_confirmed_ms bigint,
    fleet_confirmed_ms bigint
);
