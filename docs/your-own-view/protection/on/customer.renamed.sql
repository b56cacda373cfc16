UPDATE protection_customer SET name = :to WHERE tenant = :event.tenant AND customer = :customer;
