CREATE SCHEMA IF NOT EXISTS vault;
CREATE SCHEMA IF NOT EXISTS live;

-- What requests of webhooks are signed with. A secret never changes: another one is another row.
CREATE TABLE IF NOT EXISTS vault.webhook_secret (
    tenant  text  NOT NULL,
    id      text  NOT NULL,
    webhook text  NOT NULL,
    sealed  bytea NOT NULL, -- by the portal's key, which is not in the database
    PRIMARY KEY (tenant, id)
);

-- Notices that are to be delivered, and the results of late. A row holds no text and no address: both are found when it is sent. The key
-- makes that a notice which comes again is not queued again; where rows are lost with an older copy of the database, the receiver knows
-- a message by its id.
CREATE TABLE IF NOT EXISTS live.webhook_delivery (
    tenant       text        NOT NULL,
    webhook      text        NOT NULL,
    notice       text        NOT NULL,
    kind         text        NOT NULL,
    queued_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    lease        timestamptz NOT NULL DEFAULT 'epoch', -- until when a portal is known to work on it
    state        text        NOT NULL DEFAULT 'waiting', -- waiting, delivered, failed, dropped: the webhook was gone or off
    attempts     int         NOT NULL DEFAULT 0,
    attempted_at timestamptz,
    status       int         NOT NULL DEFAULT 0, -- of the last answer; 0: there was none
    reason       text        NOT NULL DEFAULT '', -- why it did not get through
    PRIMARY KEY (tenant, webhook, notice)
);
CREATE INDEX IF NOT EXISTS webhook_delivery_due ON live.webhook_delivery (due_at) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS webhook_delivery_newest ON live.webhook_delivery (tenant, webhook, queued_at);
