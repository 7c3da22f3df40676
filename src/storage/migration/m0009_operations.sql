-- What operators see.

-- The trace in which the registration began (traceparent of W3C), for links from what is done later; absent without a
-- collector.
ALTER TABLE kkt ADD COLUMN origin text;

-- What is under way, to be counted by state and by who is waited for.
CREATE INDEX kkt_open ON kkt (state, waiting_for, since_ms, report_by_ms)
    WHERE state NOT IN ('REGISTERED', 'REJECTED', 'CANCELLED');
