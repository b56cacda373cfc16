-- "open" counts the threats on the device from now on: the first begins the infection.
INSERT INTO infection_time (tenant, device, revision, customer, since)
SELECT tenant, device, :event.revision, customer, :event.at
FROM stay
WHERE tenant = :event.tenant AND device = :device AND until IS NULL AND :open = 1;
