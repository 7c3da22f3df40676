-- What people look for among the clients and registrations of a large partner: without these a search reads all that it has.
CREATE INDEX client_by_inn ON client (inn);
CREATE INDEX kkt_by_inn ON kkt (inn);
-- Support looks at the newest of all partners.
CREATE INDEX client_by_age ON client (created_ms);
CREATE INDEX client_by_ref ON client (partner_id, external_ref) WHERE external_ref IS NOT NULL;
CREATE INDEX kkt_by_ref ON kkt (partner_id, external_ref) WHERE external_ref IS NOT NULL;
