package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
)

// naiveProjector keeps a table of devices as most would write it: a plain Watermill router, one message for each event, one
// transaction for each message, with the checkpoint in it.
type naiveProjector struct {
	db       *pgxpool.Pool
	registry *domain.Registry
	store    eventstore.Store

	applied atomic.Int64 // events
	last    eventstore.Position
}

const naiveSchema = `CREATE SCHEMA naive;
CREATE TABLE naive.device (
	device uuid PRIMARY KEY, tenant uuid NOT NULL, license text NOT NULL, group_id text NOT NULL,
	hostname text NOT NULL, ip text NOT NULL, os text NOT NULL, os_version text NOT NULL, client_version text NOT NULL,
	engine_version text NOT NULL, signature_version text NOT NULL, signature_date timestamptz NOT NULL,
	last_scan_at timestamptz, guards jsonb NOT NULL, threats int NOT NULL, enrolled_at timestamptz NOT NULL
);
CREATE TABLE naive.license_count (license text PRIMARY KEY, devices int NOT NULL, infected int NOT NULL);
CREATE TABLE naive.checkpoint (consumer text PRIMARY KEY, commit bigint NOT NULL, prepare bigint NOT NULL);
INSERT INTO naive.checkpoint VALUES ('devices', 0, 0)`

const naiveIndexes = `CREATE INDEX ON naive.device (tenant, hostname); CREATE INDEX ON naive.device (license);
CREATE INDEX ON naive.device (group_id); CREATE INDEX ON naive.device (tenant) WHERE threats > 0; ANALYZE`

// prepareNaive makes the tables, with the devices that are enrolled in them.
func prepareNaive(ctx context.Context, db *pgxpool.Pool, f *workload.Fleet) error {
	if _, err := db.Exec(ctx, naiveSchema); err != nil {
		return err
	}
	columns := []string{"device", "tenant", "license", "group_id", "hostname", "ip", "os", "os_version", "client_version",
		"engine_version", "signature_version", "signature_date", "guards", "threats", "enrolled_at"}
	rows := pgx.CopyFromSlice(f.Enrolled(), func(i int) ([]any, error) {
		d := f.Device(i)
		return []any{string(d.ID), string(d.Tenant), string(d.State.License()), string(d.State.Group()), d.Facts.Hostname, d.Facts.IP, d.Facts.OS,
			d.Facts.OSVersion, d.Facts.ClientVersion, d.Facts.EngineVersion, d.Facts.SignatureVersion, d.Facts.SignatureDate,
			workload.Guards(d.State), d.State.OpenThreats(), time.Now()}, nil
	})
	if _, err := db.CopyFrom(ctx, pgx.Identifier{"naive", "device"}, columns, rows); err != nil {
		return err
	}
	_, err := db.Exec(ctx, `INSERT INTO naive.license_count SELECT license, count(*), 0 FROM naive.device GROUP BY license;`+naiveIndexes)
	return err
}

// run projects what comes after a position, for a while or to the end of what the context allows.
func (n *naiveProjector) run(ctx context.Context, after eventstore.Position) error {
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	router.AddConsumerHandler("devices", "events", &oneByOne{store: n.store, after: after}, n.handle)
	return router.Run(ctx)
}

// handle applies one event.
func (n *naiveProjector) handle(m *message.Message) error {
	ctx := m.Context()
	e, err := n.registry.Decode(m.Metadata.Get("type"), 1, m.Payload, nil)
	if err != nil {
		return err
	}
	at, err := eventstore.ParsePosition(m.Metadata.Get("position"))
	if err != nil {
		return err
	}
	tx, err := n.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // of one that was not committed
	change := func(sql string, args ...any) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	}
	if err := n.apply(change, m.Metadata.Get("id"), e); err != nil {
		return err
	}
	if err := n.moveTo(change, at); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	n.applied.Add(1)
	n.last = at
	return nil
}

// change carries out one statement.
type change = func(sql string, args ...any) error

func (n *naiveProjector) moveTo(change change, at eventstore.Position) error {
	return change(`UPDATE naive.checkpoint SET commit = $1, prepare = $2 WHERE consumer = 'devices'`, at.Commit, at.Prepare)
}

func (n *naiveProjector) apply(change change, id string, e domain.Event) error {
	infected := func(by int) error {
		return change(`UPDATE naive.license_count SET infected = infected + $2 WHERE license = (SELECT license FROM naive.device WHERE device = $1)`, id, by)
	}
	switch e := e.(type) {
	case device.Enrolled:
		if err := change(`INSERT INTO naive.license_count VALUES ($1, 1, 0) ON CONFLICT (license) DO UPDATE SET devices = license_count.devices + 1`, string(e.License)); err != nil {
			return err
		}
		return change(`INSERT INTO naive.device VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, '{}', 0, now())`,
			id, string(e.Tenant), string(e.License), string(e.Group), e.Facts.Hostname, e.Facts.IP, e.Facts.OS, e.Facts.OSVersion,
			e.Facts.ClientVersion, e.Facts.EngineVersion, e.Facts.SignatureVersion, e.Facts.SignatureDate)
	case device.Observed:
		return change(`UPDATE naive.device SET hostname = $2, ip = $3, os = $4, os_version = $5, client_version = $6, engine_version = $7,
			signature_version = $8, signature_date = $9, last_scan_at = $10 WHERE device = $1`,
			id, e.Facts.Hostname, e.Facts.IP, e.Facts.OS, e.Facts.OSVersion, e.Facts.ClientVersion, e.Facts.EngineVersion,
			e.Facts.SignatureVersion, e.Facts.SignatureDate, e.LastScan.FinishedAt)
	case device.GuardsChanged:
		return change(`UPDATE naive.device SET guards = $2 WHERE device = $1`, id, e.To)
	case device.ThreatFound:
		if e.Open == 1 {
			if err := infected(1); err != nil {
				return err
			}
		}
		return change(`UPDATE naive.device SET threats = $2 WHERE device = $1`, id, e.Open)
	case device.ThreatResolved:
		if e.Open == 0 {
			if err := infected(-1); err != nil {
				return err
			}
		}
		return change(`UPDATE naive.device SET threats = $2 WHERE device = $1`, id, e.Open)
	case device.Moved:
		return change(`UPDATE naive.device SET group_id = $2 WHERE device = $1`, id, string(e.ToGroup))
	}
	return nil
}

// oneByOne is a subscriber that makes a message of each event.
type oneByOne struct {
	store eventstore.Store
	after eventstore.Position
}

// Subscribe implements message.Subscriber.
func (s *oneByOne) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for r, err := range s.store.Subscribe(ctx, s.after) {
			if err != nil || !s.deliver(ctx, out, r) {
				return
			}
		}
	}()
	return out, nil
}

func (s *oneByOne) deliver(ctx context.Context, out chan<- *message.Message, r eventstore.Recorded) bool {
	m := message.NewMessage(r.ID.String(), r.Data)
	m.SetContext(ctx)
	m.Metadata.Set("type", r.Type)
	m.Metadata.Set("id", r.Stream.ID)
	m.Metadata.Set("position", r.Position.String())
	select {
	case out <- m:
	case <-ctx.Done():
		return false
	}
	select {
	case <-m.Acked():
		return true
	case <-m.Nacked(): // the rate that is measured must not be that of failures
		panic(fmt.Sprintf("naive projector: %s at %s was refused", r.Type, r.Position))
	case <-ctx.Done():
		return false
	}
}

// Close implements message.Subscriber. The context ends it.
func (s *oneByOne) Close() error { return nil }

func newNaiveProjector(db *pgxpool.Pool, store eventstore.Store) *naiveProjector {
	return &naiveProjector{db: db, store: store, registry: catalog.Registry()}
}

const naiveWarmUp = 500 * time.Millisecond

// watch lets a naive projector work for a while and counts, within metered, what it applies after the first moments.
func watch(ctx context.Context, n *naiveProjector, from eventstore.Position, seconds float64, metered func(count func() (int, error)) error) (s measure.Sample, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.run(ctx, from) }()
	time.Sleep(naiveWarmUp)
	err = metered(func() (int, error) {
		began, before := time.Now(), n.applied.Load()
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		s = measure.Sample{Ops: int(n.applied.Load() - before), Took: time.Since(began)}
		return s.Ops, nil
	})
	cancel()
	return s, errors.Join(err, <-done)
}
