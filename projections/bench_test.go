package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/postgres"
	"avportal/projections/projectiontest"
)

// The benchmark's view is a device list: four indexes, counters by customer.
type (
	enrolled struct{ Customer, License, Name string }
	reported struct {
		Status  string
		Version string
		At      time.Time
	}
)

func (enrolled) EventType() string { return "device.enrolled" }
func (reported) EventType() string { return "device.reported" }

type fleetKey struct {
	Tenant domain.Tenant `db:"tenant"`
	ID     string        `db:"id"`
}

type fleetRow struct {
	projections.Presence
	fleetKey
	Customer string    `db:"customer"`
	License  string    `db:"license"`
	Name     string    `db:"name"`
	Status   string    `db:"status"`
	Version  string    `db:"version"`
	Seen     time.Time `db:"seen"`
}

type fleetCount struct {
	Tenant   domain.Tenant `db:"tenant"`
	Customer string        `db:"customer"`
	Status   string        `db:"status"`
	Devices  int64         `db:"devices"`
}

const fleetSchema = `
	CREATE TABLE device (tenant uuid, id uuid, customer text NOT NULL, license text NOT NULL, name text NOT NULL, status text NOT NULL,
		version text NOT NULL, seen timestamptz NOT NULL, PRIMARY KEY (tenant, id)) WITH (fillfactor = 70);
	CREATE TABLE device_count (tenant uuid, customer text, status text, devices bigint NOT NULL, PRIMARY KEY (tenant, customer, status)) WITH (fillfactor = 50);`

const fleetIndexes = `CREATE INDEX device_customer ON device (tenant, customer, name, id); CREATE INDEX device_license ON device (tenant, license, id);
	CREATE INDEX device_name ON device (tenant, name, id)`

func fleet() projections.View {
	return projections.View{Name: "fleet", Version: 1, Schema: fleetSchema, Indexes: fleetIndexes, Tables: []projections.Table{
		projections.NewTable(projections.TableSpec[fleetRow, fleetKey]{
			Name: "device",
			Keys: func(r eventstore.Recorded, touch func(fleetKey)) { touch(fleetKey{r.Stream.Tenant, r.Stream.ID}) },
			Fold: func(d *fleetRow, r eventstore.Recorded) {
				switch e := r.Event.(type) {
				case enrolled:
					*d = fleetRow{Customer: e.Customer, License: e.License, Name: e.Name, Status: "new", Seen: r.At}
				case reported:
					d.Status, d.Version, d.Seen = e.Status, e.Version, e.At
				}
			},
			Creates: []domain.Event{enrolled{}},
			Counters: []projections.Counter[fleetRow]{projections.NewCounter("device_count", func(d fleetRow, add func(fleetCount)) {
				add(fleetCount{Tenant: d.Tenant, Customer: d.Customer, Status: d.Status, Devices: 1})
			})},
		}),
	}}
}

// fleetHistory enrolls devices and lets them report, one event in five an enrolment.
func fleetHistory(events int) []eventstore.Recorded {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	out := make([]eventstore.Recorded, events)
	devices := 0
	for i := range out {
		r := &out[i]
		at := uint64(i+1) * 400 //nolint:gosec // small
		*r = eventstore.Recorded{Position: eventstore.Position{Commit: at, Prepare: at}, At: projectiontest.Start.Add(time.Duration(i) * time.Millisecond)}
		n := random.IntN(max(devices, 1))
		if i%5 == 0 {
			n = devices
			devices++
			r.Event = enrolled{fmt.Sprintf("customer-%03d", n%500), fmt.Sprintf("license-%04d", n%2000), fmt.Sprintf("PC-%06d", n)}
		} else {
			r.Event = reported{[]string{"healthy", "outdated", "infected"}[random.IntN(3)], fmt.Sprintf("1.2.%d", random.IntN(50)), r.At}
		}
		r.Stream = domain.Stream{Tenant: bankTenant, Kind: "device", ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n)}
		r.Type = r.Event.EventType()
	}
	return out
}

// durable opens a database of a Postgres that waits for the disk.
func durable(b *testing.B) *pgxpool.Pool {
	b.Helper()
	srv, err := postgres.Start(b.Context(), postgres.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := srv.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	db, err := pgxpool.New(b.Context(), srv.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	if err := projections.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkCatchUp applies events to a live table with its indexes, in batches of several sizes, beside what most would
// write (one message, one event, one transaction) and beside the physical limit (COPY of rows into the same table).
func BenchmarkCatchUp(b *testing.B) {
	db := durable(b)
	history := fleetHistory(300_000)
	report := func(b *testing.B, n int, took time.Duration) {
		b.ReportMetric(float64(n)/took.Seconds(), "events/s")
		b.ReportMetric(0, "ns/op")
	}
	run := 0
	for _, c := range []struct{ batch, events int }{{1, 3_000}, {10, 30_000}, {100, 200_000}, {500, 300_000}, {2000, 300_000}, {10_000, 300_000}} {
		b.Run(fmt.Sprintf("batch=%d", c.batch), func(b *testing.B) {
			var took time.Duration
			for range b.N {
				run++
				took += applyDirectly(b, db, run, history[:c.events], c.batch)
			}
			report(b, c.events*b.N, took)
		})
	}
	for _, batch := range []int{500, 2000} {
		b.Run(fmt.Sprintf("watermill/batch=%d", batch), func(b *testing.B) {
			var took time.Duration
			for range b.N {
				run++
				took += applyThroughWatermill(b, db, run, history, batch)
			}
			report(b, len(history)*b.N, took)
		})
	}
	b.Run("naive", func(b *testing.B) {
		var took time.Duration
		for range b.N {
			run++
			took += naively(b, db, run, history[:3000])
		}
		report(b, 3000*b.N, took)
	})
	b.Run("rebuild", func(b *testing.B) {
		var took time.Duration
		for range b.N {
			run++
			v := numbered(run)
			e, err := projections.New(projections.Config{DB: db, Store: &projectiontest.Log{Events: history}, Views: []projections.View{v}})
			if err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			if err := e.Rebuild(b.Context(), v.Name, nil); err != nil {
				b.Fatal(err)
			}
			took += time.Since(start)
		}
		report(b, len(history)*b.N, took)
	})
	b.Run("copy-rows-into-indexed-table", func(b *testing.B) {
		var took time.Duration
		n := 0
		for range b.N {
			run++
			rows, spent := copyRows(b, db, run, history)
			n, took = n+rows, took+spent
		}
		b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkWatermill compares a projector behind a Watermill router with the same projector called directly, in turns.
func BenchmarkWatermill(b *testing.B) {
	db := durable(b)
	history := fleetHistory(60_000)
	run := 0
	for _, batch := range []int{500, 2000} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			var ratios []float64
			for round := range b.N {
				var direct, routed time.Duration
				for turn := range 2 {
					if run++; (round+turn)%2 == 0 {
						direct = applyDirectly(b, db, run, history, batch)
					} else {
						routed = applyThroughWatermill(b, db, run, history, batch)
					}
				}
				ratios = append(ratios, direct.Seconds()/routed.Seconds())
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "of-direct")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func numbered(run int) projections.View {
	v := fleet()
	v.Name = fmt.Sprintf("fleet%d", run)
	return v
}

// ready makes an empty live view.
func ready(b *testing.B, db *pgxpool.Pool, run int) (*projections.Engine, projections.View) {
	b.Helper()
	v := numbered(run)
	e, err := projections.New(projections.Config{DB: db, Store: &projectiontest.Log{}, Views: []projections.View{v}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.Checkpoint(b.Context(), v.Name); err != nil {
		b.Fatal(err)
	}
	return e, v
}

func batches(history []eventstore.Recorded, size int) (out []eventstore.Batch) {
	var after eventstore.Position
	for from := 0; from < len(history); from += size {
		batch := eventstore.Batch{After: after, Events: history[from:min(from+size, len(history))]}
		out, after = append(out, batch), batch.Last()
	}
	return out
}

func applyDirectly(b *testing.B, db *pgxpool.Pool, run int, history []eventstore.Recorded, size int) time.Duration {
	b.Helper()
	e, v := ready(b, db, run)
	defer e.Stop()
	handle := e.Handler(v.Name)
	start := time.Now()
	for _, batch := range batches(history, size) {
		if err := handle(eventstore.NewMessage(b.Context(), batch)); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

func applyThroughWatermill(b *testing.B, db *pgxpool.Pool, run int, history []eventstore.Recorded, size int) time.Duration {
	b.Helper()
	e, v := ready(b, db, run)
	defer e.Stop()
	return throughWatermill(b, func(ctx context.Context) (out []*message.Message) {
		for _, batch := range batches(history, size) {
			out = append(out, eventstore.NewMessage(ctx, batch))
		}
		return out
	}, e.Handler(v.Name))
}

// copyRows copies the final rows into an empty table that has all its indexes.
func copyRows(b *testing.B, db *pgxpool.Pool, run int, history []eventstore.Recorded) (int, time.Duration) {
	b.Helper()
	e, v := ready(b, db, run)
	e.Stop()
	folded, err := projections.Fold(v.Tables[0], history)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([][]any, len(folded))
	for i, f := range folded {
		d := f.(fleetRow)
		var tenant, id [16]byte
		copy(tenant[:], d.Tenant)
		copy(id[:], fmt.Sprintf("%016d", i))
		rows[i] = []any{tenant, id, d.Customer, d.License, d.Name, d.Status, d.Version, d.Seen}
	}
	start := time.Now()
	_, err = db.CopyFrom(b.Context(), pgx.Identifier{v.Name, "device"}, []string{"tenant", "id", "customer", "license", "name", "status", "version", "seen"}, pgx.CopyFromRows(rows))
	if err != nil {
		b.Fatal(err)
	}
	return len(rows), time.Since(start)
}
