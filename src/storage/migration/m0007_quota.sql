-- Until when a partner's questions of a kind are spoken for, Unix microseconds by the database's clock: one count for all
-- replicas.
CREATE TABLE quota (
    partner_id uuid NOT NULL REFERENCES partner (id),
    kind text NOT NULL,
    until_us bigint NOT NULL,
    PRIMARY KEY (partner_id, kind)
);
