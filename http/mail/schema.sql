CREATE SCHEMA IF NOT EXISTS live;

-- Messages to be sent, and those of late. A row holds no address and no text: both are found when it is sent. That a message was
-- sent stands in the log, so a row that is lost, or comes back with an older copy, sends nothing twice.
CREATE TABLE IF NOT EXISTS live.mail (
    id         uuid        PRIMARY KEY,
    tenant     text        NOT NULL,
    kind       text        NOT NULL,
    recipient  text        NOT NULL,              -- a user; or "<profile>/<subject>" for a recipient of a profile
    due_at     timestamptz NOT NULL,
    worthless  timestamptz NOT NULL,              -- from when on it need not be sent any more
    state      text        NOT NULL DEFAULT 'waiting', -- waiting; taken: by the server, the log does not know yet; sent, failed, void; unknown: not in the log
    attempts   int         NOT NULL DEFAULT 0,
    reason     text        NOT NULL DEFAULT '',   -- why it waits still, or was not sent
    changed_at timestamptz NOT NULL
);
ALTER TABLE live.mail ADD COLUMN IF NOT EXISTS about_at timestamptz NOT NULL DEFAULT 'epoch'; -- when that happened, the first of it
CREATE INDEX IF NOT EXISTS mail_due ON live.mail (due_at) WHERE state IN ('waiting', 'taken');

CREATE INDEX IF NOT EXISTS mail_told ON live.mail (tenant, recipient, about_at) WHERE kind = 'notice';

-- The events that a message is about: one, or those of a day.
CREATE TABLE IF NOT EXISTS live.mail_event (
    mail     uuid   NOT NULL REFERENCES live.mail ON DELETE CASCADE,
    event    uuid   NOT NULL,
    stream   text   NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (mail, event)
);
