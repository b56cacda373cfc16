CREATE TABLE job (
    tenant      uuid        NOT NULL,
    job         text        NOT NULL,
    customer    text        NOT NULL, -- that the work was accepted for; empty: the reseller's own people
    action      text        NOT NULL,
    group_id    text        NOT NULL, -- that devices are moved to; may be empty
    profile     text        NOT NULL, -- of a scan; may be empty
    undoes      text        NOT NULL, -- the job that is undone; may be empty
    actor       text        NOT NULL,
    actor_id    text        NOT NULL,
    total       int         NOT NULL,
    done        int         NOT NULL,
    failed      int         NOT NULL,
    accepted_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL, -- the zero time: not yet
    PRIMARY KEY (tenant, job)
) WITH (fillfactor = 70);
