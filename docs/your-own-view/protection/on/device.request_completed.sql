UPDATE update_asked SET done = :event.at
WHERE tenant = :event.tenant AND device = :device AND request = :request AND :ok;
