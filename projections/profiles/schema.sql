-- Columns are never null.
CREATE TABLE profile (
    tenant     uuid        NOT NULL,
    profile    text        NOT NULL,
    customer   text        NOT NULL, -- the owner; empty: the reseller
    name       text        COLLATE "de-x-icu" NOT NULL,
    edition    int         NOT NULL, -- counts the settings, from 1
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL, -- name, settings or owner
    PRIMARY KEY (tenant, profile)
);

-- Which settings devices have told that they are set by.
CREATE TABLE applied_profile (
    tenant  uuid NOT NULL,
    device  text NOT NULL,
    profile text NOT NULL,
    edition int  NOT NULL,
    PRIMARY KEY (tenant, device)
) WITH (fillfactor = 80);
