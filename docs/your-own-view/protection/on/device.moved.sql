-- Most moves are between groups of one customer.
UPDATE stay SET until = :event.at
WHERE tenant = :event.tenant AND device = :device AND until IS NULL AND :from_customer <> :to_customer;

INSERT INTO stay (tenant, device, revision, customer, since)
SELECT :event.tenant, :device, :event.revision, :to_customer, :event.at
WHERE :from_customer <> :to_customer;
