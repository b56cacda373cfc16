CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;

-- Any part of a name, label or address. Measured with 200,000 devices: 70 bytes a device, what an index on the beginning of
-- the host name alone would take as well.
CREATE INDEX device_search ON device USING gin (tenant public.uuid_ops, (hostname || ' ' || label || ' ' || ip) public.gin_trgm_ops);

-- The list as it is shown first, in the order of German dictionaries.
CREATE INDEX device_by_name ON device (tenant, hostname, device);

-- The devices of a group, and by its groups those of a license or a customer. A place is of one tenant, and names within a
-- group hardly ever repeat, so neither the tenant nor the id is needed.
CREATE INDEX device_by_place ON device (place, hostname);

-- Many devices share the day of their signatures, so that this index takes few bytes each, and changes once a day.
CREATE INDEX device_by_signature ON device (tenant, signature_day);

CREATE INDEX infection_newest ON infection (tenant, at);
CREATE INDEX threat_newest ON threat (tenant, device, found_at);
CREATE INDEX request_in_order ON request (tenant, device, revision);
-- Requests that have not ended: few of many.
CREATE INDEX request_open ON request (tenant, device) WHERE phase < 3;
CREATE INDEX place_by_license ON place (tenant, license);
CREATE INDEX place_by_parent ON place (tenant, parent);
CREATE INDEX device_license_by_customer ON device_license (tenant, customer);
