-- One row per notice that was ever raised. They are small, and the log has them anyway; queries look back Shown, and no further.
CREATE TABLE notice (
    tenant   uuid        NOT NULL,
    notice   text        NOT NULL,
    at       timestamptz NOT NULL, -- when it was raised
    happened timestamptz NOT NULL, -- what it tells of
    kind     text        NOT NULL,
    customer text        NOT NULL, -- empty: the reseller as a whole
    license  text        NOT NULL, -- empty, here and below: not concerned
    group_id text        NOT NULL,
    device   text        NOT NULL,
    user_id  text        NOT NULL,
    facts    jsonb       NOT NULL, -- what its text is made of
    PRIMARY KEY (tenant, notice)
);

-- Up to when a person has read everything: at first, what was raised before he came.
CREATE TABLE notice_reader (
    tenant     uuid        NOT NULL,
    user_id    text        NOT NULL,
    read_until timestamptz NOT NULL,
    PRIMARY KEY (tenant, user_id)
) WITH (fillfactor = 70);

-- What a person has read one by one.
CREATE TABLE notice_read (
    tenant  uuid NOT NULL,
    user_id text NOT NULL,
    notice  text NOT NULL,
    PRIMARY KEY (tenant, user_id, notice)
);
