INSERT INTO update_asked (tenant, device, request, customer, asked)
SELECT tenant, device, :request, customer, :event.at
FROM stay
WHERE tenant = :event.tenant AND device = :device AND until IS NULL;
