-- What is counted of each license.
CREATE TABLE dashboard_license (
    tenant      uuid        NOT NULL,
    license     text        NOT NULL,
    customer    text        NOT NULL,
    limited     boolean     NOT NULL, -- a purchase; an MSP license has no limit
    seats       int         NOT NULL,
    used        int         NOT NULL,
    valid_until timestamptz NOT NULL, -- Go's zero time: no end
    PRIMARY KEY (tenant, license)
) WITH (fillfactor = 80);

CREATE TABLE dashboard_customer (
    tenant   uuid NOT NULL,
    customer text NOT NULL,
    PRIMARY KEY (tenant, customer)
);

-- Counters, of one customer or, where the customer is empty, of the whole tenant.
CREATE TABLE customer_count (
    tenant    uuid   NOT NULL,
    customer  text   NOT NULL,
    customers bigint NOT NULL,
    PRIMARY KEY (tenant, customer)
);

-- By the end of the license: "expired" begins without an event, and is counted all the same.
CREATE TABLE license_end_count (
    tenant   uuid        NOT NULL,
    customer text        NOT NULL,
    span     smallint    NOT NULL, -- 0: all licenses; 1: by the month of the end; 2: by the end itself
    until    timestamptz NOT NULL,
    licenses bigint      NOT NULL,
    PRIMARY KEY (tenant, customer, span, until)
);

-- By the share of seats in use, in whole percent: the reseller's threshold may change at any time.
CREATE TABLE license_seats_count (
    tenant   uuid   NOT NULL,
    customer text   NOT NULL,
    percent  int    NOT NULL, -- rounded down, at most 100
    licenses bigint NOT NULL,
    PRIMARY KEY (tenant, customer, percent)
);
