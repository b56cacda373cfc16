WITH touched AS (
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::timestamptz[], $4::text[]) AS t (tenant, device, at, ip)
), before AS (
    SELECT s.tenant, s.device, s.at FROM live.last_seen s JOIN touched USING (tenant, device)
), written AS (
    INSERT INTO live.last_seen AS s (tenant, device, at, ip) SELECT tenant, device, at, ip FROM touched
    ON CONFLICT (tenant, device) DO UPDATE SET at = excluded.at, ip = excluded.ip WHERE s.at < excluded.at
    RETURNING s.tenant, s.device, s.at
), moved AS (
    SELECT tenant, at, 1 AS n FROM written
    UNION ALL
    SELECT tenant, before.at, -1 FROM before JOIN written USING (tenant, device)
), delta AS (
    SELECT tenant, w.minutes, floor(extract(epoch FROM at) / 60 / w.minutes)::int AS bucket, sum(n) AS n
    FROM moved CROSS JOIN (VALUES (1), (60)) AS w (minutes) GROUP BY 1, 2, 3 HAVING sum(n) <> 0
)
INSERT INTO live.seen_count AS c (tenant, minutes, bucket, devices) SELECT tenant, minutes, bucket, n FROM delta
ON CONFLICT (tenant, minutes, bucket) DO UPDATE SET devices = c.devices + excluded.devices
