-- When the personal data of a client and of its registrations were erased, Unix milliseconds by our clock; absent while they
-- are there. An erased row keeps what must stay known for ever: that a serial number or a drive is held.
ALTER TABLE client ADD COLUMN erased_ms bigint;
ALTER TABLE kkt ADD COLUMN erased_ms bigint;
DROP INDEX client_open_inn;
CREATE UNIQUE INDEX client_open_inn ON client (inn) WHERE state <> 'ABANDONED' AND erased_ms IS NULL;

-- Signed records of what was erased; append-only. seq counts from 1 without a gap, previous is the digest of the record before.
-- inn_hash is keyed: it answers whether a tax number was erased, to whoever has the key. Binary values are base64.
CREATE TABLE erasure (
    id uuid NOT NULL PRIMARY KEY,
    seq bigint NOT NULL UNIQUE,
    version integer NOT NULL,
    at_ms bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    partner_id uuid NOT NULL,
    client_id uuid NOT NULL,
    inn_hash text NOT NULL,
    registrations bigint NOT NULL,
    documents bigint NOT NULL,
    requests bigint NOT NULL,
    previous text NOT NULL,
    public_key text NOT NULL,
    signature text NOT NULL
);
CREATE INDEX erasure_of_client ON erasure (client_id, seq);

-- For periods after which data are removed.
CREATE INDEX kkt_ended ON kkt (since_ms) WHERE state IN ('REGISTERED', 'REJECTED', 'CANCELLED');
CREATE INDEX client_abandoned ON client (updated_ms) WHERE state = 'ABANDONED' AND erased_ms IS NULL;
