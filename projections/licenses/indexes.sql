CREATE INDEX customer_by_name ON customer (tenant, name, customer);
CREATE INDEX license_by_name ON license (tenant, name, license);
CREATE INDEX license_by_end ON license (tenant, valid_until, license);
CREATE INDEX license_by_customer ON license (tenant, customer, name, license);
CREATE INDEX license_group_by_license ON license_group (tenant, license, name);
CREATE INDEX license_group_by_profile ON license_group (tenant, profile) INCLUDE (devices) WHERE profile <> '';
