package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/rowkey"
	"avportal/projections/sqltext"
	"avportal/projections/states"
)

// limitsPlaces reports whether the filter says where devices stand.
func (f Filter) limitsPlaces() bool {
	return f.Customer != "" || f.License != "" || f.Group != "" || len(f.Validity) > 0
}

// findPlaces lists the places that a reach and a filter leave. None is an answer: what is out of reach does not exist.
func findPlaces(ctx context.Context, db projections.Querier, scope domain.Scope, f Filter, c states.Cutoffs) ([]rowkey.Address, error) {
	s := &sqltext.Statement{}
	s.And("p.tenant = ?", scope.Tenant)
	for _, customer := range []domain.CustomerID{scope.Customer, f.Customer} {
		if customer != "" {
			s.And("l.customer = ?", customer)
		}
	}
	if f.License != "" {
		s.And("p.license = ?", f.License)
	}
	sqltext.AnyOf(s, f.Validity, func(v states.Validity) string { return validityCondition(s, v, c) })
	from := "place p"
	if f.Group != "" && f.Subgroups {
		from = fmt.Sprintf(`(WITH RECURSIVE below AS (SELECT * FROM place WHERE tenant = $1 AND place = %s
			UNION ALL SELECT place.* FROM place JOIN below ON place.tenant = below.tenant AND place.parent = below.place)
			SELECT * FROM below) AS p`, s.Arg(placeOf(f.Group)))
	} else if f.Group != "" {
		s.And("p.place = ?", placeOf(f.Group))
	}
	rows, err := db.Query(ctx, "SELECT p.place FROM "+from+" JOIN device_license l ON l.tenant = p.tenant AND l.license = p.license WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return nil, fmt.Errorf("devices: places: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[rowkey.Address])
}

// halvesOf are what the index device_by_place knows of places. A query limits both.
func halvesOf(places []rowkey.Address) []int32 {
	halves := make([]int32, len(places))
	for i, p := range places {
		halves[i] = halfOf(p)
	}
	return halves
}

func validityCondition(s *sqltext.Statement, v states.Validity, c states.Cutoffs) string {
	endless := "l.valid_until = " + s.Arg(time.Time{})
	switch v {
	case states.Valid:
		return "(" + endless + " OR l.valid_until > " + s.Arg(c.ExpiringUntil) + ")"
	case states.Expiring:
		return "(NOT " + endless + " AND l.valid_until > " + s.Arg(c.Now) + " AND l.valid_until <= " + s.Arg(c.ExpiringUntil) + ")"
	case states.Expired:
		return "(NOT " + endless + " AND l.valid_until <= " + s.Arg(c.Now) + ")"
	}
	return "false AND " + endless
}

func cutoffsOf(ctx context.Context, db projections.Querier, t domain.Tenant, now time.Time) (states.Cutoffs, error) {
	return states.Load(ctx, db, thresholdsTable, t, now)
}

const joinPlatform = " JOIN platform f ON f.tenant = d.tenant AND f.platform = d.platform"

// platforms are what a filter says of platforms, looked up.
type platforms struct {
	allowed  []rowkey.Address // by operating system, architecture, client
	searched []rowkey.Address // whose domain contains the text that is searched for
}

func (f Filter) limitsPlatforms() bool { return len(f.OS)+len(f.Arch)+len(f.ClientVersion) > 0 }

func findPlatforms(ctx context.Context, db projections.Querier, t domain.Tenant, f Filter) (p platforms, err error) {
	if f.limitsPlatforms() {
		s := &sqltext.Statement{}
		s.And("tenant = ?", t)
		for column, values := range map[string][]string{"os": f.OS, "arch": f.Arch, "client_version": f.ClientVersion} {
			if len(values) > 0 {
				s.And(column+" = ANY(?)", values)
			}
		}
		if p.allowed, err = platformsWhere(ctx, db, s); err != nil {
			return p, err
		}
	}
	if f.Search != "" {
		s := &sqltext.Statement{}
		s.And("tenant = ?", t)
		s.And("domain ILIKE ?", sqltext.Contains(f.Search))
		p.searched, err = platformsWhere(ctx, db, s)
	}
	return p, err
}

func platformsWhere(ctx context.Context, db projections.Querier, s *sqltext.Statement) ([]rowkey.Address, error) {
	rows, err := db.Query(ctx, "SELECT platform FROM platform WHERE "+s.Conditions(), s.Args()...)
	if err != nil {
		return nil, fmt.Errorf("devices: platforms: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[rowkey.Address])
}
