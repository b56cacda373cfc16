-- Secrets: not in the log, not rebuildable, backed up apart.
CREATE SCHEMA IF NOT EXISTS vault;

-- The keys of the people in the log. A row whose key is null stays, so that a person who was erased never gets another key.
CREATE TABLE IF NOT EXISTS vault.subject_key (
    subject      text        PRIMARY KEY,
    key          bytea       CHECK (octet_length(key) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
);
