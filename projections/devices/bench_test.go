package devices

import (
	"context"
	"flag"
	"strconv"
	"testing"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
)

var large = flag.Bool("large", false, "benchmarks with a million devices as well: a minute and a gigabyte more")

// BenchmarkPage reads pages of 50 devices in fleets of several sizes, and tells how large a device is in Postgres.
func BenchmarkPage(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if *large {
		sizes = append(sizes, 1_000_000)
	}
	lists := []struct {
		name     string
		customer domain.CustomerID
		filter   Filter
		after    string
	}{
		{name: "first"},
		{name: "middle", after: "PC-8"},
		{name: "customer", customer: "c007"},
		{name: "last seen", filter: Filter{Sort: ByLastSeen, Descending: true}},
		{name: "oldest signatures", filter: Filter{Sort: BySignature}},
		{name: "newest signatures", filter: Filter{Sort: BySignature, Descending: true}},
		{name: "threats", filter: Filter{Sort: ByThreats, Descending: true}},
		{name: "search", filter: Filter{Search: "a3f9"}},
	}
	var names []string
	operations := make([][]func() error, len(lists)+1)
	for _, n := range sizes {
		s, f := fleettest.Many(b, []projections.View{View}, n)
		names = append(names, strconv.Itoa(n))
		for i, l := range lists {
			scope, paging := domain.Scope{Tenant: f.Tenant, Customer: l.customer}, page.Paging{Limit: 50}
			if l.after != "" {
				var err error
				paging.Cursor, err = mark{Name: l.after, ID: "x"}.Cursor(page.Of{List: "devices", Scope: scope, Filter: Filter{Sort: ByHostname}})
				if err != nil {
					b.Fatal(err)
				}
			}
			operations[i] = append(operations[i], func() error {
				_, err := List(context.Background(), s.Readers, scope, now(), l.filter, paging)
				return err
			})
		}
		operations[len(lists)] = append(operations[len(lists)], func() error {
			_, err := Count(context.Background(), s.Readers, f.Scope(), now())
			return err
		})
		b.Run("bytes/"+strconv.Itoa(n), func(b *testing.B) { reportBytes(b, s, n) })
	}
	for i, l := range lists {
		b.Run(l.name, func(b *testing.B) { fleettest.Compare(b, names, operations[i]) })
	}
	b.Run("counts", func(b *testing.B) { fleettest.Compare(b, names, operations[len(lists)]) })
}

func reportBytes(b *testing.B, s *fleettest.Served, n int) {
	for b.Loop() {
		var whole, search float64
		err := s.Admin.QueryRow(context.Background(), `SELECT pg_total_relation_size('devices.device')::float8, pg_relation_size('devices.device_search')::float8`).Scan(&whole, &search)
		if err != nil {
			b.Fatal(err)
		}
		rows := float64(n) * 1.1 // a tenth stands in the second tenant
		b.ReportMetric(whole/rows, "B/device")
		b.ReportMetric(search/rows, "B/device-of-it-search")
	}
}
