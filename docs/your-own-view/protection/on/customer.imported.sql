INSERT INTO protection_customer (tenant, customer, name) VALUES (:tenant, :customer, :name);
