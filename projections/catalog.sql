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
    state        text        NOT NULL, -- live, next, prev, check
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
    error_since  timestamptz
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
    error_since  timestamptz
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
