-- Secrets: not in the log, not rebuildable, backed up apart. A row of an erased person is deleted.
CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.account (
    person      text        PRIMARY KEY,
    login       bytea       NOT NULL UNIQUE, -- digest of the e-mail address
    password    text        NOT NULL,        -- argon2id, with its parameters
    password_at timestamptz NOT NULL,
    totp        bytea,                       -- sealed seed of the one-time codes; null: none
    totp_on     boolean     NOT NULL DEFAULT false, -- the person has shown that he has it
    totp_step   bigint      NOT NULL DEFAULT 0      -- the last step whose code was used
);

CREATE TABLE IF NOT EXISTS vault.recovery_code (
    hash   bytea PRIMARY KEY, -- SHA-256: it has 120 random bits
    person text  NOT NULL REFERENCES vault.account ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS recovery_code_of_person ON vault.recovery_code (person);

CREATE TABLE IF NOT EXISTS vault.passkey (
    id         uuid        PRIMARY KEY,     -- what the log calls it
    credential bytea       NOT NULL UNIQUE, -- SHA-256 of what its authenticator calls it
    person     text        NOT NULL REFERENCES vault.account ON DELETE CASCADE,
    sealed     bytea       NOT NULL,        -- public key, counter, and the name that the person gave it
    created_at timestamptz NOT NULL,
    used_at    timestamptz,
    suspect    boolean     NOT NULL DEFAULT false -- its counter has gone back: there may be a copy
);
CREATE INDEX IF NOT EXISTS passkey_of_person ON vault.passkey (person);

-- Passkeys that are being made or used just now.
CREATE TABLE IF NOT EXISTS vault.passkey_challenge (
    hash       bytea       PRIMARY KEY, -- SHA-256 of the challenge
    person     text        NOT NULL,    -- who makes one; empty for a sign-in
    ceremony   jsonb       NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS passkey_challenge_by_end ON vault.passkey_challenge (expires_at);

-- Attempts to sign in since the last good one, by account (whether it exists or not) and by address.
CREATE TABLE IF NOT EXISTS vault.sign_in_failure (
    key          bytea       PRIMARY KEY, -- digest of the e-mail address, or of the network address
    failures     int         NOT NULL,
    locked_until timestamptz NOT NULL,
    at           timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sign_in_failure_by_age ON vault.sign_in_failure (at);

-- The last link for a new password that a person has asked for.
CREATE TABLE IF NOT EXISTS vault.password_recovery (
    person     text        PRIMARY KEY REFERENCES vault.account ON DELETE CASCADE,
    hash       bytea       NOT NULL UNIQUE, -- SHA-256: it has 256 bits that nobody can guess
    expires_at timestamptz NOT NULL,
    used       boolean     NOT NULL DEFAULT false
);
