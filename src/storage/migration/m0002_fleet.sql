-- Registers that partners hire out. A TAKEN one names the registration that holds it. model_key and serial_key are the
-- forms in which two spellings of one model or serial number are equal.
CREATE TABLE fleet (
    id uuid NOT NULL PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partner (id),
    model text NOT NULL,
    model_key text NOT NULL,
    serial text NOT NULL,
    serial_key text NOT NULL,
    fn_serial text NOT NULL,
    device_id uuid,
    state text NOT NULL,
    kkt_id uuid,
    note text NOT NULL,
    imported_ms bigint NOT NULL,
    changed_ms bigint NOT NULL,
    UNIQUE (partner_id, id),
    FOREIGN KEY (partner_id, device_id) REFERENCES device (partner_id, id),
    FOREIGN KEY (partner_id, kkt_id) REFERENCES kkt (partner_id, id),
    CHECK ((state = 'TAKEN') = (kkt_id IS NOT NULL))
);
CREATE UNIQUE INDEX fleet_serial ON fleet (model_key, serial_key);
CREATE UNIQUE INDEX fleet_fn ON fleet (fn_serial);
CREATE UNIQUE INDEX fleet_kkt ON fleet (kkt_id) WHERE kkt_id IS NOT NULL;
CREATE INDEX fleet_to_hire ON fleet (partner_id, model_key, imported_ms, id) WHERE state = 'FREE';
