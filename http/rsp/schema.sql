CREATE SCHEMA IF NOT EXISTS vault;

-- What a reseller's people have granted: the last one who signed in through the Reseller Portal.
CREATE TABLE IF NOT EXISTS vault.rsp_grant (
    tenant     text        PRIMARY KEY,
    person     text        NOT NULL,
    sealed     bytea,                -- access and refresh token; null once the Reseller Portal has refused them
    expires_at timestamptz NOT NULL, -- of the access token
    granted_at timestamptz NOT NULL
);

-- How the synchronization of each reseller stands. It stands beside the grant that it needs; no fold needs it.
CREATE TABLE IF NOT EXISTS vault.rsp_sync (
    tenant      text        PRIMARY KEY,
    sync        text        NOT NULL DEFAULT '', -- the one that runs, or the last one
    trigger     text        NOT NULL DEFAULT '',
    started_at  timestamptz,
    finished_at timestamptz,                     -- null while it runs
    total       int         NOT NULL DEFAULT 0,  -- of accounts and licenses
    done        int         NOT NULL DEFAULT 0,
    outcome     jsonb       NOT NULL DEFAULT '{}',
    problems    jsonb       NOT NULL DEFAULT '[]',
    succeeded_at timestamptz,
    due_at      timestamptz NOT NULL,
    lease       timestamptz NOT NULL DEFAULT 'epoch' -- until when a portal is known to work on it
);

-- Sign-ins that have begun: what must come back from the Reseller Portal, to the same browser, once.
CREATE TABLE IF NOT EXISTS vault.rsp_attempt (
    state      bytea       PRIMARY KEY, -- SHA-256
    browser    bytea       NOT NULL,    -- SHA-256 of the cookie that marks the browser
    nonce      text        NOT NULL,
    verifier   text        NOT NULL,
    return_to  text        NOT NULL,
    expires_at timestamptz NOT NULL
);
