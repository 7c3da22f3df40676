-- What support needs. See m0001_spine.sql for the conventions.

-- Every change that a person made outside the API: who, what, why. Append-only; no personal data. Without foreign keys:
-- a line outlives what it is about.
CREATE TABLE audit (
    id uuid NOT NULL PRIMARY KEY,
    at_ms bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    partner_id uuid,
    kkt_id uuid,
    client_id uuid,
    subject text NOT NULL,
    reason text NOT NULL,
    -- JSON.
    detail text NOT NULL
);
CREATE INDEX audit_by_time ON audit (at_ms, id);
CREATE INDEX audit_of_kkt ON audit (kkt_id, at_ms) WHERE kkt_id IS NOT NULL;

-- A row stands here exactly while the gateway is stopped.
CREATE TABLE stop_switch (
    gateway text NOT NULL PRIMARY KEY,
    reason text NOT NULL,
    actor text NOT NULL,
    since_ms bigint NOT NULL
);

-- What was sent and what was answered, encrypted: it holds personal data. seq counts from 1 within a registration; mark is
-- a keyed hash of the content, so that the same answer is not kept twice in a row.
CREATE TABLE document (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL,
    kkt_id uuid NOT NULL,
    seq bigint NOT NULL,
    effect_id uuid,
    gateway text NOT NULL,
    operation text NOT NULL,
    direction text NOT NULL,
    at_ms bigint NOT NULL,
    mark bytea NOT NULL,
    key_id text NOT NULL,
    nonce bytea NOT NULL,
    cipher bytea NOT NULL,
    UNIQUE (kkt_id, seq),
    FOREIGN KEY (partner_id, kkt_id) REFERENCES kkt (partner_id, id)
);

-- For people who look for what hangs.
CREATE INDEX kkt_waiting ON kkt (waiting_for, since_ms) WHERE waiting_for IS NOT NULL;
CREATE INDEX kkt_by_fn ON kkt (fn_serial);
CREATE INDEX kkt_by_serial ON kkt (serial_key);
CREATE INDEX kkt_by_rnm ON kkt (rnm) WHERE rnm IS NOT NULL;
CREATE INDEX effect_open ON effect (step) WHERE state = 'INTENDED';
