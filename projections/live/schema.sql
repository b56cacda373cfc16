-- What is true now and stands in no event. It can't be rebuilt from the log, and no view needs it to be.
CREATE SCHEMA IF NOT EXISTS live;

CREATE TABLE IF NOT EXISTS live.migration (
    version int PRIMARY KEY,
    applied timestamptz NOT NULL DEFAULT now()
);
