-- What operators did to one partner: without this a look at it reads what they did to everybody.
CREATE INDEX audit_of_partner ON audit (partner_id, at_ms, id) WHERE partner_id IS NOT NULL;
