package devices

import (
	"flag"
	"fmt"
	"testing"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
)

var large = flag.Bool("large", false, "benchmarks with a million devices as well: a minute and a gigabyte more")

// BenchmarkPage reads pages of 50: the first of the list, one in the middle, one of a customer.
func BenchmarkPage(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if *large {
		sizes = append(sizes, 1_000_000)
	}
	for _, n := range sizes {
		s, f := fleettest.Many(b, []projections.View{View}, n)
		middle := "PC-8"
		of := func(sort Sort, m mark) string {
			c, err := m.Cursor(page.Of{List: "devices", Scope: f.Scope(), Filter: Filter{Sort: sort}})
			if err != nil {
				b.Fatal(err)
			}
			return c
		}
		for name, c := range map[string]struct {
			scope  domain.Scope
			filter Filter
			cursor string
		}{
			"first":     {f.Scope(), Filter{}, ""},
			"middle":    {f.Scope(), Filter{}, of(ByHostname, mark{Name: middle, ID: "x"})},
			"customer":  {domain.Scope{Tenant: f.Tenant, Customer: "c007"}, Filter{}, ""},
			"last seen": {f.Scope(), Filter{Sort: ByLastSeen, Descending: true}, ""},
			"oldest":    {f.Scope(), Filter{Sort: BySignature}, ""},
			"newest":    {f.Scope(), Filter{Sort: BySignature, Descending: true}, ""},
			"threats":   {f.Scope(), Filter{Sort: ByThreats, Descending: true}, ""},
			"search":    {f.Scope(), Filter{Search: "a3f"}, ""},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if _, err := List(b.Context(), s.Readers, c.scope, now(), c.filter, page.Paging{Limit: 50, Cursor: c.cursor}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("counts/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Count(b.Context(), s.Readers, f.Scope(), now()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("bytes/%d", n), func(b *testing.B) {
			var whole, search float64
			err := s.Admin.QueryRow(b.Context(), `SELECT pg_total_relation_size('devices.device')::float8, pg_relation_size('devices.device_search')::float8`).Scan(&whole, &search)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(whole/float64(n)/1.1, "B/device") // a tenth stands in the second tenant
			b.ReportMetric(search/float64(n)/1.1, "B/device-search")
		})
	}
}
