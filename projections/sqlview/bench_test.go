package sqlview_test

import (
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

// BenchmarkBuild tells how many events a second a view of SQL takes in when it is built: one statement for each event, many in
// one transaction.
func BenchmarkBuild(b *testing.B) {
	const events = 20_000
	var h []eventstore.Recorded
	for i := range events / 2 {
		d := domain.DeviceID(fmt.Sprintf("d%d", i))
		h = append(h, projectiontest.On(device.Stream(tenant, d), device.Enrolled{Tenant: tenant, Device: d, Customer: "c"}),
			projectiontest.On(device.Stream(tenant, d), device.ThreatFound{Device: d, Threat: "t", Open: 1}))
	}
	h = projectiontest.History(append(h, projectiontest.On(license.Stream(tenant, "l"), license.Released{}))...)
	v := load(b, example).View
	db := postgrestest.Pool(b)
	e, err := projections.New(projections.Config{DB: db, Store: &projectiontest.Log{Events: h}, Views: []projections.View{v}})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for b.Loop() {
		if err := e.Rebuild(b.Context(), v.Name, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(h)*b.N)/time.Since(began).Seconds(), "events/s")
}
