-- Hubs of cash registers that an operator has given up in a recovery: they are gone for good, and nobody is asked to wait for them.
CREATE TABLE gone_hub (
    recovery text NOT NULL REFERENCES recovery (name),
    -- As devices name it: https://hub.example:8443
    hub text NOT NULL,
    -- Unix milliseconds by our clock.
    since_ms bigint NOT NULL,
    PRIMARY KEY (recovery, hub)
);
