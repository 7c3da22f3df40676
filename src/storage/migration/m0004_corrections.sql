-- A cancelled registration frees its KKT at once, and its FN only when that is proven unburnt: two holds, not one.
ALTER TABLE kkt ADD COLUMN fn_held boolean NOT NULL DEFAULT FALSE;
UPDATE kkt SET fn_held = held;
DROP INDEX kkt_held_fn;
CREATE UNIQUE INDEX kkt_held_fn ON kkt (fn_serial) WHERE fn_held;

-- waiting_for names everybody who is waited for, not only those who hold a registration up.
UPDATE kkt SET waiting_for = 'FNS' WHERE waiting_for IS NULL AND state IN ('AWAITING_RNM', 'AWAITING_CARD');
UPDATE kkt SET waiting_for = 'PARTNER' WHERE waiting_for IS NULL AND state = 'READY_TO_FISCALIZE';
UPDATE kkt SET waiting_for = 'DEVICE' WHERE waiting_for IS NULL AND state = 'FISCALIZING';
