package devices

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
	"avportal/projections/states"
)

// explainer runs each query and looks at its plan as well.
type explainer struct {
	projections.Querier
	plans []string
}

func (e *explainer) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := e.Querier.Query(ctx, "EXPLAIN (ANALYZE, TIMING OFF) "+sql, args...)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	e.plans = append(e.plans, sql+"\n"+strings.Join(lines, "\n"))
	return e.Querier.Query(ctx, sql, args...)
}

func TestListsFollowIndexesWithManyDevices(t *testing.T) {
	s, f := fleettest.Many(t, []projections.View{View}, 100_000)
	yes := true
	customer := domain.Scope{Tenant: f.Tenant, Customer: "c007"}
	outdated := []states.Signatures{states.SignaturesOutdated, states.SignaturesCritical}
	for _, c := range []struct {
		scope  domain.Scope
		filter Filter
	}{
		{f.Scope(), Filter{}}, {f.Scope(), Filter{Descending: true}}, {customer, Filter{}}, {f.Scope(), Filter{License: "l010"}}, {f.Scope(), Filter{Group: "l010.main", Subgroups: true}},
		{f.Scope(), Filter{Sort: ByLastSeen}}, {f.Scope(), Filter{Sort: ByLastSeen, Descending: true}}, {f.Scope(), Filter{Sort: BySignature}}, {f.Scope(), Filter{Sort: BySignature, Descending: true}},
		{f.Scope(), Filter{Sort: ByThreats, Descending: true}}, {f.Scope(), Filter{Infected: &yes}}, {f.Scope(), Filter{Pending: &yes}},
		{f.Scope(), Filter{Protection: []device.Protection{device.Red}}}, {f.Scope(), Filter{Protection: []device.Protection{device.Yellow, device.Red, device.Unknown}}},
		{f.Scope(), Filter{Signatures: outdated}}, {f.Scope(), Filter{Signatures: outdated, Sort: BySignature}}, {f.Scope(), Filter{Contact: []states.Contact{states.Silent, states.Stale}}},
		{f.Scope(), Filter{Search: "a3f9"}}, {f.Scope(), Filter{Search: "nowhere to be found"}}, {f.Scope(), Filter{Search: "PC"}},
	} {
		after := ""
		for range 2 { // the first page, and one behind a cursor
			e := &explainer{Querier: s.Readers}
			p, err := List(t.Context(), e, c.scope, now(), c.filter, page.Paging{Limit: 50, Cursor: after})
			if err != nil {
				t.Fatal(err)
			}
			for _, plan := range e.plans {
				if strings.Contains(plan, "Seq Scan on device ") || strings.Contains(plan, "Seq Scan on last_seen") {
					t.Errorf("%+v reads the whole table:\n%s", c.filter, plan)
				}
			}
			if after = p.Next; after == "" {
				break
			}
		}
	}
}
