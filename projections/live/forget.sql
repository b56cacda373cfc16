WITH removed AS (
    DELETE FROM live.last_seen s USING unnest($1::uuid[], $2::bytea[]) AS g (tenant, device)
    WHERE s.tenant = g.tenant AND s.device = g.device RETURNING s.tenant, s.at
), delta AS (
    SELECT tenant, w.minutes, floor(extract(epoch FROM at) / 60 / w.minutes)::int AS bucket, count(*) AS n
    FROM removed CROSS JOIN (VALUES (1), (60)) AS w (minutes) GROUP BY 1, 2, 3
)
UPDATE live.seen_count c SET devices = c.devices - delta.n FROM delta
WHERE (c.tenant, c.minutes, c.bucket) = (delta.tenant, delta.minutes, delta.bucket)
