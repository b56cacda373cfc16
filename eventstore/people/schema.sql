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

-- Keys of the installation's own, such as that of the digests of addresses.
CREATE TABLE IF NOT EXISTS vault.own_key (
    name text  PRIMARY KEY,
    key  bytea NOT NULL
);

-- Which address is whose in an organization, so that no two members share one: a digest that nobody can try addresses against
-- without the key above. The log decides whether a row still means something.
CREATE TABLE IF NOT EXISTS vault.address (
    tenant   text        NOT NULL,
    customer text        NOT NULL, -- empty: the reseller as a whole
    digest   bytea       NOT NULL,
    user_id  text        NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, customer, digest)
);
CREATE INDEX IF NOT EXISTS address_of_user ON vault.address (tenant, user_id);

-- Secrets that were given to a person: at most one of a kind holds.
CREATE TABLE IF NOT EXISTS vault.secret (
    kind       text        NOT NULL, -- invitation, link
    tenant     text        NOT NULL,
    user_id    text        NOT NULL,
    hash       bytea       NOT NULL UNIQUE, -- SHA-256; the secret has 256 random bits
    id         text        NOT NULL, -- what the log calls it; may be empty
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, tenant, user_id)
);
