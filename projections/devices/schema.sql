-- Columns are never null: most rows would pay eight bytes for the few that have one. The zero time is Go's, the first
-- instant of the year 1.
--
-- Names that devices are shown with. The ids of devices are rowkey.Key, since there are very many.
CREATE TABLE device_customer (
    tenant   uuid  NOT NULL,
    customer text  NOT NULL,
    name     text  COLLATE "de-x-icu" NOT NULL,
    PRIMARY KEY (tenant, customer)
);

CREATE TABLE device_license (
    tenant      uuid  NOT NULL,
    license     text  NOT NULL,
    customer    text  NOT NULL,
    name        text  COLLATE "de-x-icu" NOT NULL,
    valid_until timestamptz NOT NULL, -- the zero time: no end
    PRIMARY KEY (tenant, license)
);

-- A place is a group of a license, by its rowkey.Address: eight bytes in each device instead of two ids.
CREATE TABLE place (
    tenant   uuid   NOT NULL,
    place    bigint NOT NULL,
    license  text   NOT NULL,
    group_id text   NOT NULL, -- "<license id>.<local id>", as the domain writes it
    parent   bigint NOT NULL, -- place of the group above; of a main group, 0
    name     text   COLLATE "de-x-icu" NOT NULL,
    deleted  boolean NOT NULL, -- kept, since the last device may have left in the tree but not yet in its own history
    PRIMARY KEY (tenant, place)
);

-- What many devices have in common, by the rowkey.Address of it all. Rows never change and are never deleted.
CREATE TABLE platform (
    tenant         uuid   NOT NULL,
    platform       bigint NOT NULL,
    domain         text   NOT NULL,
    os             text   COLLATE "de-x-icu" NOT NULL,
    os_version     text   COLLATE "de-x-icu" NOT NULL,
    arch           text   NOT NULL,
    client_version text   COLLATE "de-x-icu" NOT NULL,
    engine         text   NOT NULL,
    engine_version text   NOT NULL,
    PRIMARY KEY (tenant, platform)
);

-- One row per device. Columns are ordered so that none is padded, and what changes several times a day stands in no index, nor
-- in the condition of one, so that an update stays within its page and costs a sixth of what it would with all indexes. Therefore
-- the signature date has none of its own, but its day; and devices that need attention stand in tables of their own. A page keeps
-- room for five of its 53 rows to be there twice. The key begins with the device: with the whole tenant each row of its index
-- would be longer by a third, and ids are told apart by the realm, should two tenants ever have the same.
CREATE TABLE device (
    signature_date    timestamptz NOT NULL, -- the zero time: not known
    place             bigint      NOT NULL,
    platform          bigint      NOT NULL,
    realm             int         NOT NULL, -- realmOf the tenant; two tenants may share one
    enrolled_at       int         NOT NULL, -- seconds since 2000, as all moments of four bytes
    last_scan_at      int         NOT NULL, -- the least number: never
    signature_day     smallint    NOT NULL, -- days since 1970 of the signature date; -1: not known
    guards            smallint    NOT NULL, -- one bit per guard that is on, in the order of device.Guards; from 64, those that are off
    threats           smallint    NOT NULL, -- open ones
    pending           smallint    NOT NULL, -- requests that have not ended
    last_scan_outcome smallint    NOT NULL, -- number of the outcome
    tenant            uuid        NOT NULL,
    device            bytea       NOT NULL,
    hostname          text        COLLATE "de-x-icu" NOT NULL,
    label             text        COLLATE "de-x-icu" NOT NULL,
    ip                text        NOT NULL,
    signature_version text        NOT NULL,
    PRIMARY KEY (device, realm)
) WITH (fillfactor = 92);

-- Only the devices with open threats.
CREATE TABLE infection (
    tenant uuid        NOT NULL,
    device bytea       NOT NULL,
    at     timestamptz NOT NULL, -- when the last threat was found
    PRIMARY KEY (tenant, device)
) WITH (fillfactor = 90);

-- Only the devices that are not green: a guard is off, or none is known.
CREATE TABLE unguarded (
    tenant uuid  NOT NULL,
    device bytea NOT NULL,
    PRIMARY KEY (tenant, device)
);

CREATE TABLE threat (
    tenant      uuid        NOT NULL,
    device      bytea       NOT NULL,
    threat      text        NOT NULL, -- id, made by the device
    name        text        NOT NULL,
    path        text        NOT NULL,
    action      text        NOT NULL,
    found_at    timestamptz NOT NULL, -- by the device's clock, but not after the portal learned of it
    resolved_at timestamptz NOT NULL, -- the zero time: open
    how         text        NOT NULL, -- of the resolution
    PRIMARY KEY (tenant, device, threat)
) WITH (fillfactor = 90);

CREATE TABLE request (
    tenant       uuid        NOT NULL,
    device       bytea       NOT NULL,
    request      text        NOT NULL,
    revision     bigint      NOT NULL, -- of the device's stream: the order of its requests
    kind         text        NOT NULL,
    profile      text        NOT NULL,
    phase        smallint    NOT NULL, -- 0 queued, 1 sent, 2 started, 3 completed, 4 aborted
    requested_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    sent_at      timestamptz NOT NULL, -- the zero time, here and below: not yet
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL,
    ok           boolean     NOT NULL,
    code         text        NOT NULL, -- of the answer, or why there is none
    detail       text        NOT NULL,
    files        bigint      NOT NULL, -- looked at by a scan; -1: not known
    infected     bigint      NOT NULL,
    errors       bigint      NOT NULL,
    PRIMARY KEY (tenant, device, request)
) WITH (fillfactor = 80);

-- How many devices are in which state, by place; place 0 is the whole tenant, so that its figures are one row.
CREATE TABLE device_count (
    tenant   uuid   NOT NULL,
    place    bigint NOT NULL,
    devices  bigint NOT NULL,
    infected bigint NOT NULL,
    threats  bigint NOT NULL,
    yellow   bigint NOT NULL,
    red      bigint NOT NULL,
    unknown  bigint NOT NULL,
    pending  bigint NOT NULL,
    PRIMARY KEY (tenant, place)
) WITH (fillfactor = 50);

-- How many devices of a tenant have signatures of which date: "outdated" begins without an event, and is counted all the same.
CREATE TABLE signature_count (
    tenant  uuid        NOT NULL,
    date    timestamptz NOT NULL, -- the zero time: not known
    devices bigint      NOT NULL,
    PRIMARY KEY (tenant, date)
) WITH (fillfactor = 50);
