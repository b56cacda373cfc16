-- Secrets: not in the log, not rebuildable, backed up apart.
CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.api_token (
    id           uuid        PRIMARY KEY,
    hash         bytea       NOT NULL UNIQUE, -- SHA-256 of the secret, which has 256 random bits
    tenant       text        NOT NULL,        -- empty: of who runs the installation
    customer     text        NOT NULL,        -- empty: the whole tenant
    role         text        NOT NULL,
    actor        text        NOT NULL,        -- who acts by it, in the action log
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE INDEX IF NOT EXISTS api_token_of_tenant ON vault.api_token (tenant, created_at DESC, id DESC) WHERE revoked_at IS NULL;
