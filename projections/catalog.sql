-- What the portal knows of its read models. All of it can be rebuilt from the log but for the checkpoints of policies.
CREATE SCHEMA IF NOT EXISTS portal;

-- One row for each generation of a view. position_* is how far its tables follow the log; it only moves in the transaction
-- that writes them. Whoever takes a generation over raises its epoch, which shuts out the one before.
CREATE TABLE IF NOT EXISTS portal.generation (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    view         text        NOT NULL,
    version      int         NOT NULL,
    fingerprint  text        NOT NULL,
    schema       text        NOT NULL UNIQUE,
    state        text        NOT NULL, -- live, next, prev, check, asof, renewal
    commit       bigint      NOT NULL DEFAULT 0,
    prepare      bigint      NOT NULL DEFAULT 0,
    epoch        bigint      NOT NULL DEFAULT 0,
    indexed      boolean     NOT NULL DEFAULT false,
    moved        timestamptz NOT NULL DEFAULT now(),
    created      timestamptz NOT NULL DEFAULT now(),
    swapped      timestamptz,
    error        text,
    error_id     uuid,
    error_type   text,
    error_at     text,
    error_since  timestamptz,
    -- The last event in the tables, by which a log that was restored from an older copy is known even when it is longer by now.
    last_id       uuid,
    last_stream   text,
    last_revision bigint,
    events        bigint      NOT NULL DEFAULT 0, -- read so far: applied, or quarantined
    applied       bigint      NOT NULL DEFAULT 0,
    keep_until    timestamptz,                    -- of prev: when it is dropped
    as_of         text,                           -- of asof: which moment, see portal.as_of
    verified      timestamptz,                    -- when it was last compared with a rebuild
    differs       text                            -- what that found; NULL if nothing
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX IF NOT EXISTS generation_one ON portal.generation (view, state) WHERE state IN ('live', 'next', 'prev');

CREATE TABLE IF NOT EXISTS portal.policy_checkpoint (
    name         text        PRIMARY KEY,
    commit       bigint      NOT NULL DEFAULT 0,
    prepare      bigint      NOT NULL DEFAULT 0,
    epoch        bigint      NOT NULL DEFAULT 0,
    moved        timestamptz NOT NULL DEFAULT now(),
    error        text,
    error_id     uuid,
    error_type   text,
    error_at     text,
    error_since  timestamptz,
    last_id       uuid,
    last_stream   text,
    last_revision bigint,
    passed        bigint NOT NULL DEFAULT 0 -- events left out, as an operator decided
) WITH (fillfactor = 50);

-- A catalog that an earlier build made gets what has come since. Only then: changing a table waits for all that read it.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'portal.generation'::regclass AND attname = 'differs') THEN
        ALTER TABLE portal.generation ADD last_id uuid, ADD last_stream text, ADD last_revision bigint, ADD events bigint NOT NULL DEFAULT 0,
            ADD applied bigint NOT NULL DEFAULT 0, ADD keep_until timestamptz, ADD as_of text, ADD verified timestamptz, ADD differs text;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'portal.policy_checkpoint'::regclass AND attname = 'passed') THEN
        ALTER TABLE portal.policy_checkpoint ADD last_id uuid, ADD last_stream text, ADD last_revision bigint, ADD passed bigint NOT NULL DEFAULT 0;
    END IF;
END $$;

-- The events that a generation has left out, as an operator decided. Each stands here by the transaction that passed it by.
CREATE TABLE IF NOT EXISTS portal.quarantined (
    generation   bigint      NOT NULL REFERENCES portal.generation ON DELETE CASCADE,
    event        uuid        NOT NULL,
    commit       bigint      NOT NULL,
    prepare      bigint      NOT NULL,
    PRIMARY KEY (generation, event)
);

-- The views that an operator has told to stand still.
CREATE TABLE IF NOT EXISTS portal.paused (
    view         text        PRIMARY KEY,
    since        timestamptz NOT NULL DEFAULT now()
);

-- The moments of the past that views have been built up to. Each view of one is a generation in state asof.
CREATE TABLE IF NOT EXISTS portal.as_of (
    name         text        PRIMARY KEY,
    at           timestamptz NOT NULL,
    tenant       text        NOT NULL, -- empty: all
    commit       bigint      NOT NULL DEFAULT 0,
    prepare      bigint      NOT NULL DEFAULT 0,
    bytes        bigint      NOT NULL DEFAULT 0,
    ready        boolean     NOT NULL DEFAULT false,
    created      timestamptz NOT NULL DEFAULT now(),
    used         timestamptz NOT NULL DEFAULT now(),
    -- While it is being built: how many events have been read, and which share of the history that is.
    events       bigint      NOT NULL DEFAULT 0,
    share        float8      NOT NULL DEFAULT 0
);

DO $$ BEGIN -- as above
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'portal.as_of'::regclass AND attname = 'share') THEN
        ALTER TABLE portal.as_of ADD events bigint NOT NULL DEFAULT 0, ADD share float8 NOT NULL DEFAULT 0;
    END IF;
END $$;

-- What was last done with a view on behalf of an operator, how far it has come, and how it ended.
CREATE TABLE IF NOT EXISTS portal.operation (
    view         text        PRIMARY KEY,
    task         text        NOT NULL,
    started      timestamptz NOT NULL DEFAULT now(),
    ended        timestamptz,
    phase        text        NOT NULL DEFAULT '',
    events       bigint      NOT NULL DEFAULT 0,
    commit       bigint      NOT NULL DEFAULT 0,
    prepare      bigint      NOT NULL DEFAULT 0,
    head_commit  bigint      NOT NULL DEFAULT 0,
    head_prepare bigint      NOT NULL DEFAULT 0,
    per_second   float8      NOT NULL DEFAULT 0,
    seconds_left float8      NOT NULL DEFAULT 0,
    error        text,
    differs      boolean     NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- Who works on what. It stands apart from the generation, whose row is locked while a batch is being written.
CREATE TABLE IF NOT EXISTS portal.lease (
    name         text        PRIMARY KEY,
    owner        text        NOT NULL,
    pid          int         NOT NULL,
    pid_started  timestamptz NOT NULL,
    beat         timestamptz NOT NULL
) WITH (fillfactor = 50);

-- must fails a transaction unless got is what was expected.
CREATE OR REPLACE FUNCTION portal.must(got bigint, want bigint, code text, what text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF got IS DISTINCT FROM want THEN
        RAISE EXCEPTION '%: %, expected %', what, got, want USING ERRCODE = code;
    END IF;
    RETURN got;
END $$;
