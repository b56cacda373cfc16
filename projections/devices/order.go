package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/projections/page"
	"avportal/projections/sqltext"
)

// bySeen follows the index of last_seen. Devices that were never heard of come last, in either direction.
func (l *listing) bySeen(ctx context.Context) ([]mark, error) {
	var list []mark
	if l.after == nil || l.after.Number == 0 {
		s, from := l.base()
		if !l.filter.needsSeen() {
			from += joinSeen
		}
		if m := l.after; m != nil {
			s.And("(s.at, s.device) "+l.beyond()+" (?, ?)", m.At, m.ID)
		}
		var err error
		list, err = l.run(ctx, s, fmt.Sprintf("SELECT %s FROM %s WHERE s.tenant = $1 AND %s ORDER BY s.at %[4]s, s.device %[4]s LIMIT %[5]d",
			columns(page.Key{Expression: "s.at", Kind: page.Time}), from, s.Conditions(), l.direction(), l.limit))
		if err != nil || len(list) == l.limit || l.filter.needsSeen() {
			return list, err
		}
	}
	s, from := l.base()
	if m := l.after; m != nil && m.Number == 1 {
		s.And("d.device > ?", m.ID)
	}
	never, err := l.run(ctx, s, fmt.Sprintf(`SELECT %s FROM %s WHERE %s AND NOT EXISTS (
		SELECT FROM last_seen s WHERE s.tenant = d.tenant AND s.device = d.device) ORDER BY d.device LIMIT %d`,
		columns(page.Key{Expression: "1::bigint", Kind: page.Number}), from, s.Conditions(), l.limit-len(list)))
	return append(list, never...), err
}

// byThreats looks at the infected devices by themselves, which are few, and at the others in the order of their names.
func (l *listing) byThreats(ctx context.Context) ([]mark, error) {
	infected := func(yes bool) func() ([]mark, error) {
		return func() ([]mark, error) {
			part := *l
			part.filter.Infected = &yes
			if want := l.filter.Infected; want != nil && *want != yes {
				return nil, nil
			}
			if part.limit = l.limit; yes {
				return part.sorted(ctx, page.Key{Expression: "d.threats::bigint", Kind: page.Number})
			}
			part.filter.Sort, part.filter.Descending = ByHostname, false
			return part.sorted(ctx, page.Key{})
		}
	}
	parts := []func() ([]mark, error){infected(false), infected(true)}
	inSecond := l.after != nil && l.after.Number > 0
	if l.filter.Descending {
		parts[0], parts[1] = parts[1], parts[0]
		inSecond = l.after != nil && l.after.Number == 0
	}
	var list []mark
	if !inSecond {
		var err error
		if list, err = parts[0](); err != nil || len(list) == l.limit {
			return list, err
		}
		l.after = nil // the second part begins at its beginning
	}
	rest, err := parts[1]()
	list = append(list, rest...)
	return list[:min(len(list), l.limit)], err
}

// bySignature goes from date to date. Most devices have the signatures of today, and sorting those by name for each page
// would cost as much as there are; within one date, Postgres can follow the order of names instead.
func (l *listing) bySignature(ctx context.Context) ([]mark, error) {
	var list []mark
	var date *time.Time
	if l.after != nil {
		date = &l.after.At
	}
	for len(list) < l.limit {
		if date != nil {
			more, err := l.ofDate(ctx, *date, l.limit-len(list))
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
			l.after = nil
		}
		next, err := l.nextDate(ctx, date)
		if err != nil || next == nil {
			return list, err
		}
		date = next
	}
	return list, nil
}

// ofDate reads the devices with signatures of one date, by name. Few are fetched and sorted; many are found soon enough by
// following the order of names. The counters tell which: Postgres, left to itself, walks past many to find few.
func (l *listing) ofDate(ctx context.Context, date time.Time, limit int) ([]mark, error) {
	few, err := l.few(ctx, date, limit)
	if err != nil {
		return nil, err
	}
	s := &sqltext.Statement{}
	l.ofTenant(s)
	s.And("d.signature_date = ?", date)
	source := "device d WHERE " + s.Conditions()
	if few {
		s.And("d.signature_day = ?", dayOf(date))
		source = "(WITH few AS MATERIALIZED (SELECT * FROM device d WHERE " + s.Conditions() + ") SELECT * FROM few) AS d WHERE true"
	}
	if m := l.after; m != nil {
		source += " AND (d.hostname, d.device) > (" + s.Arg(m.Name) + ", " + s.Arg(m.ID) + ")"
	}
	rows, err := l.db.Query(ctx, fmt.Sprintf("SELECT %s FROM %s ORDER BY d.hostname, d.device LIMIT %d",
		columns(page.Key{Expression: "d.signature_date", Kind: page.Time}), source, limit), append([]any{pgx.QueryExecModeCacheDescribe}, s.Args()...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[mark])
}

// few reports whether there are so few devices of a date that it takes fewer steps to look at all those of its day than to
// meet enough of them among all devices.
func (l *listing) few(ctx context.Context, date time.Time, limit int) (bool, error) {
	begin := date.Truncate(secondsOfDay * time.Second)
	rows, err := l.db.Query(ctx, `SELECT coalesce((SELECT devices FROM device_count WHERE tenant = $1 AND place = 0), 0),
		coalesce((SELECT devices FROM signature_count WHERE tenant = $1 AND date = $2), 0),
		coalesce((SELECT sum(devices) FROM signature_count WHERE tenant = $1 AND date >= $3 AND date < $4), 0)::bigint`,
		l.tenant, date, begin, begin.Add(secondsOfDay*time.Second))
	if err != nil {
		return false, err
	}
	var all, same, sameDay int64
	_, err = pgx.ForEachRow(rows, []any{&all, &same, &sameDay}, func() error { return nil })
	return same*sameDay <= all*int64(limit), err
}

// nextDate is the first date beyond another; nil if there is none.
func (l *listing) nextDate(ctx context.Context, date *time.Time) (*time.Time, error) {
	s := &sqltext.Statement{}
	s.And("tenant = ?", l.tenant)
	if date != nil {
		s.And("date "+l.beyond()+" ?", *date)
	}
	rows, err := l.db.Query(ctx, fmt.Sprintf("SELECT date FROM signature_count WHERE %s ORDER BY date %s LIMIT 1",
		s.Conditions(), l.direction()), s.Args()...)
	if err != nil {
		return nil, err
	}
	dates, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil || len(dates) == 0 {
		return nil, err
	}
	return &dates[0], nil
}
