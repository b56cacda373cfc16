UPDATE infection_time SET until = :event.at
WHERE tenant = :event.tenant AND device = :device AND until IS NULL AND :open = 0;
