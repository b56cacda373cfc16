CREATE TABLE member (
    tenant      uuid        NOT NULL,
    user_id     text        NOT NULL,
    customer    text        NOT NULL, -- empty: the reseller as a whole
    salutation  text        NOT NULL,
    first_name  text        COLLATE "de-x-icu" NOT NULL,
    surname     text        COLLATE "de-x-icu" NOT NULL,
    email       text        COLLATE "de-x-icu" NOT NULL,
    language    text        NOT NULL,
    role        text        NOT NULL,
    invited_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL, -- of the invitation; the zero time: there was none
    accepted_at timestamptz NOT NULL, -- the zero time: not yet
    inactive    boolean     NOT NULL,
    erased      boolean     NOT NULL, -- then nothing of the above tells who it was
    name        text        COLLATE "de-x-icu" NOT NULL GENERATED ALWAYS AS (surname || ' ' || first_name) STORED,
    PRIMARY KEY (tenant, user_id)
) WITH (fillfactor = 80);
