-- Columns are never null. The zero time is Go's, the first instant of the year 1; it stands for "no end".
CREATE TABLE customer (
    tenant   uuid NOT NULL,
    customer text NOT NULL,
    name     text COLLATE "de-x-icu" NOT NULL,
    number   text COLLATE "de-x-icu" NOT NULL,
    PRIMARY KEY (tenant, customer)
);

CREATE TABLE license (
    tenant      uuid        NOT NULL,
    license     text        NOT NULL,
    customer    text        NOT NULL,
    name        text        COLLATE "de-x-icu" NOT NULL,
    tid         text        NOT NULL,
    kind        text        NOT NULL,
    seats       int         NOT NULL,
    used        int         NOT NULL,
    term_years  int         NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    PRIMARY KEY (tenant, license)
) WITH (fillfactor = 80);

CREATE TABLE license_group (
    tenant   uuid NOT NULL,
    group_id text NOT NULL, -- "<license id>.<local id>"
    license  text NOT NULL,
    parent   text NOT NULL, -- empty: the main group
    name     text COLLATE "de-x-icu" NOT NULL,
    devices  int  NOT NULL, -- in the group itself
    profile  text NOT NULL, -- that it uses; empty for none
    PRIMARY KEY (tenant, group_id)
) WITH (fillfactor = 80);

-- How many groups and devices there are in the tree of a license.
CREATE TABLE license_size (
    tenant  uuid   NOT NULL,
    license text   NOT NULL,
    groups  bigint NOT NULL,
    devices bigint NOT NULL,
    PRIMARY KEY (tenant, license)
) WITH (fillfactor = 80);
