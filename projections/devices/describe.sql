SELECT d.device, d.enrolled_at, d.signature_date, d.last_scan_at, d.guards, d.threats, d.pending, d.last_scan_outcome,
       d.hostname, d.label, d.ip, d.signature_version,
       f.domain, f.os, f.os_version, f.arch, f.client_version, f.engine, f.engine_version,
       coalesce(p.group_id, ''), coalesce(p.name, ''),
       coalesce(l.license, ''), coalesce(l.name, ''), coalesce(l.valid_until, '0001-01-01 00:00:00Z'),
       coalesce(l.customer, ''), coalesce(c.name, ''),
       coalesce(s.at, '0001-01-01 00:00:00Z'), coalesce(r.kind, ''), coalesce(r.phase, 0::smallint)
FROM unnest($2::bytea[]) WITH ORDINALITY AS w (device, i)
JOIN device d ON d.tenant = $1 AND d.device = w.device
JOIN platform f ON f.tenant = $1 AND f.platform = d.platform
LEFT JOIN place p ON p.tenant = $1 AND p.place = d.place
LEFT JOIN device_license l ON l.tenant = $1 AND l.license = p.license
LEFT JOIN device_customer c ON c.tenant = $1 AND c.customer = l.customer
LEFT JOIN last_seen s ON s.tenant = $1 AND s.device = d.device
LEFT JOIN LATERAL (
    SELECT kind, phase FROM request
    WHERE d.pending > 0 AND tenant = $1 AND device = d.device AND phase < 3 ORDER BY revision LIMIT 1
) r ON true
ORDER BY w.i
