-- One text for PostgreSQL and SQLite. Instants are Unix milliseconds. Every table of a partner's data carries
-- partner_id, and a child refers to its parent by (partner_id, id), so that no row can hang under another's partner.

CREATE TABLE partner (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL,
    theme text NOT NULL,
    enabled boolean NOT NULL,
    created_ms bigint NOT NULL
);

CREATE TABLE token (
    key_id text NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    secret_hash bytea NOT NULL,
    mode text NOT NULL,
    scopes text NOT NULL,
    note text NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint,
    revoked_ms bigint,
    last_used_ms bigint
);
CREATE INDEX token_of_partner ON token (partner_id, created_ms);

CREATE TABLE device (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    hub text NOT NULL,
    hub_device text NOT NULL,
    note text NOT NULL,
    created_ms bigint NOT NULL,
    UNIQUE (partner_id, id),
    UNIQUE (hub, hub_device)
);

-- What a request id stands for. The fingerprint never contains a password in any form.
CREATE TABLE request (
    partner_id uuid NOT NULL REFERENCES partner (id),
    method text NOT NULL,
    request_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    resource_id uuid NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT request_pkey PRIMARY KEY (partner_id, method, request_id)
);
CREATE INDEX request_by_age ON request (created_ms);

CREATE TABLE client (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    inn text NOT NULL,
    state text NOT NULL,
    login text NOT NULL,
    phone text NOT NULL,
    company text NOT NULL,
    last_name text NOT NULL,
    first_name text NOT NULL,
    middle_name text NOT NULL,
    address text NOT NULL,
    taxpayer text NOT NULL,
    search text NOT NULL,
    external_ref text,
    account_id text,
    password_version bigint NOT NULL,
    created_ms bigint NOT NULL,
    updated_ms bigint NOT NULL,
    due_ms bigint,
    lease_until_ms bigint NOT NULL,
    fence bigint NOT NULL,
    UNIQUE (partner_id, id)
);
CREATE UNIQUE INDEX client_open_inn ON client (inn) WHERE state <> 'ABANDONED';
CREATE INDEX client_of_partner ON client (partner_id, created_ms, id);
CREATE INDEX client_by_company ON client (partner_id, company, id);
CREATE INDEX client_due ON client (due_ms) WHERE due_ms IS NOT NULL;

-- A registration of a cash register. state, rnm and waiting_for repeat what state_data and block hold, for queries.
CREATE TABLE kkt (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    client_id uuid NOT NULL,
    request_id uuid NOT NULL,
    external_ref text,
    inn text NOT NULL,
    model text NOT NULL,
    serial text NOT NULL,
    serial_key text NOT NULL,
    fn_serial text NOT NULL,
    spec text NOT NULL,
    facts text NOT NULL,
    state text NOT NULL,
    state_data text NOT NULL,
    block text,
    waiting_for text,
    rnm text,
    report_by_ms bigint,
    held boolean NOT NULL,
    revision bigint NOT NULL,
    since_ms bigint NOT NULL,
    created_ms bigint NOT NULL,
    updated_ms bigint NOT NULL,
    changed_ms bigint NOT NULL,
    due_ms bigint,
    lease_until_ms bigint NOT NULL,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    -- Questions and commands in a row that an outer system left unanswered.
    failures integer NOT NULL,
    UNIQUE (partner_id, id),
    FOREIGN KEY (partner_id, client_id) REFERENCES client (partner_id, id)
);
CREATE UNIQUE INDEX kkt_held_serial ON kkt (model, serial_key) WHERE held;
CREATE UNIQUE INDEX kkt_held_fn ON kkt (fn_serial) WHERE held;
CREATE INDEX kkt_of_partner ON kkt (partner_id, created_ms, id);
CREATE INDEX kkt_of_client ON kkt (partner_id, client_id, created_ms, id);
CREATE INDEX kkt_changed ON kkt (partner_id, changed_ms);
CREATE INDEX kkt_due ON kkt (due_ms) WHERE due_ms IS NOT NULL;

-- Commands to the outside. The id is derived from (partner, request, step, generation): the same in every attempt.
CREATE TABLE effect (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL,
    kkt_id uuid NOT NULL,
    step text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL,
    detail text NOT NULL,
    created_ms bigint NOT NULL,
    settled_ms bigint,
    UNIQUE (kkt_id, step, generation),
    FOREIGN KEY (partner_id, kkt_id) REFERENCES kkt (partner_id, id)
);

CREATE TABLE kkt_history (
    partner_id uuid NOT NULL,
    kkt_id uuid NOT NULL,
    revision bigint NOT NULL,
    from_state text,
    to_state text NOT NULL,
    at_ms bigint NOT NULL,
    attempt integer NOT NULL,
    actor text NOT NULL,
    effect_id uuid,
    detail text NOT NULL,
    PRIMARY KEY (kkt_id, revision),
    FOREIGN KEY (partner_id, kkt_id) REFERENCES kkt (partner_id, id)
);
