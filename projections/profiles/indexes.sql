CREATE INDEX profile_by_name ON profile (tenant, name, profile);
CREATE INDEX profile_of_customer ON profile (tenant, customer, name, profile);
