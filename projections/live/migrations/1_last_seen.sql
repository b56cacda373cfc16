-- When each device was last heard of. Updates are many and touch an indexed column, so the pages keep room for them.
CREATE TABLE live.last_seen (
    at     timestamptz NOT NULL,
    tenant uuid        NOT NULL,
    device bytea       NOT NULL, -- rowkey.Key
    ip     text        NOT NULL, -- where the portal saw the connection come from; may be empty
    PRIMARY KEY (tenant, device)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX last_seen_by_time ON live.last_seen (tenant, at, device);

-- How many devices of a tenant were last heard of in which minute and in which hour, so that counting the silent ones
-- costs the same with a thousand devices and with a million.
CREATE TABLE live.seen_count (
    tenant  uuid    NOT NULL,
    minutes int     NOT NULL, -- width of the bucket: 1 or 60
    bucket  int     NOT NULL, -- number of the bucket since 1970
    devices int     NOT NULL,
    PRIMARY KEY (tenant, minutes, bucket)
) WITH (fillfactor = 50);

-- Lets a flush find the buckets that it has emptied.
CREATE INDEX seen_count_empty ON live.seen_count (tenant) WHERE devices <= 0;
