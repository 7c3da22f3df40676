-- What periods remove is looked for by its age, and stays in no index of that afterwards: a look costs what there is to remove
-- and what is under way, however much has come to its end.

-- Request ids of erased clients are emptied and stay for ever.
CREATE INDEX request_kept ON request (created_ms) WHERE length(fingerprint) > 0;

-- Registrations that have ended stay for ever, their documents do not.
CREATE INDEX document_by_age ON document (at_ms);

-- In their places. Nothing that has been released looks into them; else they would go a release later.
DROP INDEX request_by_age;
DROP INDEX kkt_ended;
