-- Logs that devices have sent because somebody asked for them. They are kept for days, and few of each device.
CREATE TABLE live.device_log (
    tenant   uuid        NOT NULL,
    request  uuid        NOT NULL, -- that brought it
    device   text        NOT NULL,
    customer text        NOT NULL, -- whose device it was then; nobody else's people get it
    at       timestamptz NOT NULL,
    content  bytea       NOT NULL, -- gzip
    PRIMARY KEY (tenant, request)
);

CREATE INDEX device_log_of_device ON live.device_log (tenant, device, at);
CREATE INDEX device_log_by_time ON live.device_log (at);
