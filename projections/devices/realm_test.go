package devices

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
)

// twins are fleets of two tenants that share a realm. Among some hundred thousand tenants there are such.
func twins(tb testing.TB) (a, b *fleettest.Fleet) {
	tb.Helper()
	known := map[int32]*fleettest.Fleet{}
	for range 1_000_000 {
		f := fleettest.New()
		if other := known[realmOf(f.Tenant)]; other != nil {
			return other, f
		}
		known[realmOf(f.Tenant)] = f
	}
	tb.Fatal("no two tenants share a realm")
	return nil, nil
}

func TestTenantsOfOneRealmDoNotSeeEachOther(t *testing.T) {
	a, b := twins(t)
	for i, f := range []*fleettest.Fleet{a, b} {
		f.Customer("c1", "Praxis")
		f.License("l1", "c1", "Praxis AV", 10, now().AddDate(1, 0, 0))
		for n := range 4 { // by name, those of the tenants alternate
			id := domain.DeviceID(fmt.Sprintf("%d-%d", i, n))
			f.Device(id, "c1", "l1.main", n, facts(fmt.Sprintf("PC-%d-%d", n, i)))
			if n == 0 {
				f.Tell(id, device.ThreatFound{Device: id, Threat: "t", Open: 1})
			}
		}
	}
	s := serve(t, a, b)
	for _, filter := range []Filter{{}, {License: "l1"}, {Search: "PC"}, {Sort: BySignature}, {Sort: ByThreats}} {
		for i, f := range []*fleettest.Fleet{a, b} {
			want := []string{fmt.Sprintf("PC-0-%d", i), fmt.Sprintf("PC-1-%d", i), fmt.Sprintf("PC-2-%d", i), fmt.Sprintf("PC-3-%d", i)}
			if filter.Sort == ByThreats {
				want = append(want[1:], want[0])
			}
			expect(t, s, f.Scope(), filter, want...)
		}
	}
}

// The index of names does not know ids, so pages that begin and end within one name depend on what is sorted as it is read.
func TestPagesWithinOneName(t *testing.T) {
	s, f := fleettest.Many(t, []projections.View{View}, 6000)
	s.Exec(t, `UPDATE devices.device SET hostname = 'SAME' WHERE hostname >= 'L' AND hostname < 'Q'`)
	s.Exec(t, `ANALYZE devices.device`)
	for _, filter := range []Filter{{}, {Descending: true}, {License: "l010"}, {Sort: BySignature}, {Sort: ByThreats, Descending: true}} {
		seen, same := map[domain.DeviceID]bool{}, 0
		for cursor := ""; ; {
			p, err := List(t.Context(), s.Readers, f.Scope(), now(), filter, page.Paging{Cursor: cursor, Limit: 250})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range p.Items {
				if seen[d.ID] {
					t.Fatalf("%+v: %s is shown twice", filter, d.ID)
				}
				if seen[d.ID] = true; d.Hostname == "SAME" {
					same++
				}
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		n, err := Total(t.Context(), s.Readers, f.Scope(), now(), filter)
		if err != nil || len(seen) != n || same == 0 || filter.License == "" && same < 3000 {
			t.Errorf("%+v: %d devices were shown, %d of one name; there are %d, %v", filter, len(seen), same, n, err)
		}
	}
}

// Half of a place, and the realm of a tenant, say nothing more than the whole. If Postgres took them for limits of their own, it
// would expect few rows of many, and sort what it should walk through.
func TestWhatStandsForAWholeIsNoLimitOfItsOwn(t *testing.T) {
	s, f := fleettest.Many(t, []projections.View{View}, 20_000)
	var other domain.Tenant
	if err := s.Admin.QueryRow(t.Context(), `SELECT replace(tenant::text, '-', '') FROM devices.place WHERE tenant <> $1`, f.Tenant).Scan(&other); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		of   domain.Scope
		f    Filter
		want float64
	}{
		"a tenth stands in the second tenant": {domain.Scope{Tenant: other}, Filter{}, 2000},
		"a license has one in 300 of them":    {f.Scope(), Filter{License: "l010"}, 67},
	} {
		l := listing{tenant: c.of.Tenant, filter: c.f, limited: c.f.limitsPlaces()}
		var err error
		if l.places, err = findPlaces(t.Context(), s.Readers, c.of, c.f, l.cutoffs); err != nil {
			t.Fatal(err)
		}
		st, from := l.base()
		rows, err := s.Readers.Query(t.Context(), "EXPLAIN SELECT d.device FROM "+from+" WHERE "+st.Conditions(), append([]any{pgx.QueryExecModeCacheDescribe}, st.Args()...)...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		var expected float64
		_, after, _ := strings.Cut(plan[0], " rows=")
		if _, err := fmt.Sscan(strings.Fields(after)[0], &expected); err != nil || math.Abs(math.Log2(expected/c.want)) > 1 {
			t.Errorf("%s: Postgres expects %.0f rows, there are about %.0f; %v\n%s", name, expected, c.want, err, strings.Join(plan, "\n"))
		}
	}
}

func TestSecondsComeBack(t *testing.T) {
	order := []time.Time{
		{}, time.Date(1932, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0).UTC(), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC), time.Date(2067, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	for _, at := range order {
		if got := secondOf(at).time(); got != at {
			t.Errorf("%v came back as %v", at, got)
		}
	}
	if !slices.IsSortedFunc(order, func(a, b time.Time) int { return cmp.Compare(secondOf(a), secondOf(b)) }) {
		t.Error("seconds are in another order than moments")
	}
	if got, want := secondOf(time.Date(2026, 5, 3, 12, 0, 0, 999_999_999, time.FixedZone("", 3600))).time(), time.Date(2026, 5, 3, 11, 0, 0, 0, time.UTC); got != want {
		t.Errorf("came back as %v, want %v", got, want)
	}
	for _, beyond := range []time.Time{time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if s := secondOf(beyond); s == never || s.time().Year() < 1931 || s.time().Year() > 2068 {
			t.Errorf("%v became %v", beyond, s.time())
		}
	}
}
