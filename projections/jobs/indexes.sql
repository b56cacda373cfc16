CREATE INDEX job_newest ON job (tenant, accepted_at, job);
CREATE INDEX job_newest_of_customer ON job (tenant, customer, accepted_at, job);
