CREATE TABLE protection_customer (
    tenant   text NOT NULL,
    customer text NOT NULL,
    name     text NOT NULL,
    PRIMARY KEY (tenant, customer)
);

-- From when until when a device was a customer's. The revision of the event that began it tells two stays apart.
CREATE TABLE stay (
    tenant   text        NOT NULL,
    device   text        NOT NULL,
    revision bigint      NOT NULL,
    customer text        NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz,           -- null: to this day
    PRIMARY KEY (tenant, device, revision)
);

-- From the first open threat on a device until there is none.
CREATE TABLE infection_time (
    tenant   text        NOT NULL,
    device   text        NOT NULL,
    revision bigint      NOT NULL,
    customer text        NOT NULL, -- whose the device was when it began
    since    timestamptz NOT NULL,
    until    timestamptz,
    PRIMARY KEY (tenant, device, revision)
);

CREATE TABLE update_asked (
    tenant   text        NOT NULL,
    device   text        NOT NULL,
    request  text        NOT NULL,
    customer text        NOT NULL, -- whose the device was then
    asked    timestamptz NOT NULL,
    done     timestamptz,
    PRIMARY KEY (tenant, device, request)
);
