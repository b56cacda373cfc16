CREATE SCHEMA IF NOT EXISTS vault;

-- What configuration profiles refer to and the log must not hold. A secret never changes: another one is another row, so that
-- older settings can be brought back.
CREATE TABLE IF NOT EXISTS vault.profile_secret (
    tenant  text  NOT NULL,
    id      text  NOT NULL,
    profile text  NOT NULL,
    sealed  bytea NOT NULL, -- by the portal's key, which is not in the database
    PRIMARY KEY (tenant, id)
);

CREATE INDEX IF NOT EXISTS profile_secret_of ON vault.profile_secret (tenant, profile);
