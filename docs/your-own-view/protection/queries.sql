-- name: by_customer_and_month
-- devices_protected: those that were the customer's at some time of the month.
-- mean_days_infected: days with an open threat, per protected device.
-- updates_late: asked for in the month, and not done within a day.
-- What is to come is not counted: who asks until the end of the year gets what has been until now.
WITH asked AS (
    SELECT date_trunc('month', :from::timestamptz) AS since, least(:until::timestamptz, now()) AS until
), month AS (
    SELECT m AS since, least(m + interval '1 month', asked.until) AS until
    FROM asked, generate_series(asked.since, asked.until, interval '1 month') AS m
    WHERE m < asked.until
), protected AS (
    SELECT s.tenant, s.customer, m.since AS month, count(DISTINCT s.device) AS devices
    FROM month m JOIN stay s ON s.since < m.until AND (s.until IS NULL OR s.until > m.since)
    GROUP BY s.tenant, s.customer, m.since
), infected AS (
    SELECT i.tenant, i.customer, m.since AS month,
           sum(extract(epoch FROM least(coalesce(i.until, m.until), m.until) - greatest(i.since, m.since))) / 86400 AS days
    FROM month m JOIN infection_time i ON i.since < m.until AND (i.until IS NULL OR i.until > m.since)
    GROUP BY i.tenant, i.customer, m.since
), late AS (
    SELECT u.tenant, u.customer, date_trunc('month', u.asked) AS month, count(*) AS updates
    FROM update_asked u, asked
    WHERE u.asked + interval '1 day' < coalesce(u.done, asked.until)
    GROUP BY u.tenant, u.customer, date_trunc('month', u.asked)
)
SELECT p.tenant, c.name AS customer, to_char(p.month, 'YYYY-MM') AS month, p.devices AS devices_protected,
       round(coalesce(i.days, 0) / p.devices, 2) AS mean_days_infected, coalesce(l.updates, 0) AS updates_late
FROM protected p
JOIN protection_customer c USING (tenant, customer)
LEFT JOIN infected i USING (tenant, customer, month)
LEFT JOIN late l USING (tenant, customer, month)
ORDER BY p.tenant, c.name, p.month;

-- name: infected_now
SELECT c.name AS customer, i.device, i.since
FROM infection_time i JOIN protection_customer c USING (tenant, customer)
WHERE i.until IS NULL
ORDER BY i.since, i.device;
