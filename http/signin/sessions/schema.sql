-- Secrets: not in the log, not rebuildable, backed up apart.
CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.session (
    id         uuid        PRIMARY KEY, -- also of its stream in the log
    hash       bytea       NOT NULL UNIQUE, -- SHA-256 of the cookie's value, which has 256 random bits
    person     text        NOT NULL,
    user_id    text        NOT NULL,    -- his membership of the organization: who acts, in the action log
    tenant     text        NOT NULL,
    customer   text        NOT NULL,    -- empty: the whole tenant
    role       text        NOT NULL,
    method     text        NOT NULL,    -- how the person proved who he is
    browser    text        NOT NULL,    -- what the browser calls itself
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,    -- to the minute
    expires_at timestamptz NOT NULL,    -- however much it is used
    ended_at   timestamptz
);

CREATE INDEX IF NOT EXISTS session_of_person ON vault.session (person, created_at DESC) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS session_of_user ON vault.session (tenant, user_id) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS session_by_end ON vault.session (expires_at);

-- Which memberships a person has, of whatever organizations; the log says what has become of them.
CREATE TABLE IF NOT EXISTS vault.membership (
    person  text        NOT NULL,
    tenant  text        NOT NULL,
    user_id text        NOT NULL,
    used_at timestamptz NOT NULL,
    PRIMARY KEY (person, tenant, user_id)
);
CREATE INDEX IF NOT EXISTS membership_of_user ON vault.membership (tenant, user_id);
