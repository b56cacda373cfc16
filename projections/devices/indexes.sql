CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;

-- Queries name both the whole and what stands for it. Postgres shall not take one for an additional limit to the other.
CREATE STATISTICS IF NOT EXISTS device_realm (dependencies) ON tenant, realm FROM device;
CREATE STATISTICS IF NOT EXISTS device_half_place (dependencies) ON place, ((place >> 32)::int) FROM device;

-- Any part of a name, label or address. Measured with 100,000 devices: 52 bytes a device, half of them for addresses.
CREATE INDEX device_search ON device USING gin (tenant public.uuid_ops, (hostname || ' ' || label || ' ' || ip) public.gin_trgm_ops);

-- The list as it is shown first, in the order of German dictionaries. Names hardly ever repeat, so the id is not
-- needed; what shares a name is sorted as it is read. Nor is the whole tenant: what is of another in the same realm is passed by.
CREATE INDEX device_by_name ON device (realm, hostname);

-- The devices of a group, and by its groups those of a license or a customer, in the same way: half of the place is enough to
-- hardly ever meet another.
CREATE INDEX device_by_place ON device (((place >> 32)::int), hostname);

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
