CREATE INDEX notice_newest ON notice (tenant, at, notice);
CREATE INDEX notice_newest_of_customer ON notice (tenant, customer, at, notice);
