INSERT INTO stay (tenant, device, revision, customer, since)
VALUES (:tenant, :device, :event.revision, :customer, :event.at);
