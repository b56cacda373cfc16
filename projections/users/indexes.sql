CREATE INDEX member_by_name ON member (tenant, name, user_id);
CREATE INDEX member_by_customer ON member (tenant, customer, name, user_id);
