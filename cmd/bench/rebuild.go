package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections"
)

// rebuilding compares ways to make the read model of devices from the whole log, and what each part of that costs alone.
type rebuilding struct {
	*bench
	address string // of the node, for the official client
	store   eventstore.Store
	fleet   *workload.Fleet
	begun   eventstore.Position // where the fleet stands at its beginning, with half of its devices
	written time.Time           // when the log had been
	stored  *rawLog
	events  int
	truth   map[string]string // hash of each table
	tables  []copied
}

// rebuilding measures events a second of rebuilds of the view of devices, and the time to the first answer about the past.
func (b *bench) rebuilding(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(n *node.Node, s *esdb.Store) error {
		r := &rebuilding{bench: b, address: n.ConnectionString(), store: s}
		if err := r.prepare(ctx); err != nil {
			return err
		}
		rounds, err := b.plan(1).Run(ctx,
			measure.Way{Name: "portal", Run: r.portal},
			measure.Way{Name: "read", Run: r.read},
			measure.Way{Name: "reader", Run: r.reader},
			measure.Way{Name: "naive", Run: r.naive},
			measure.Way{Name: "batch", Run: r.batches},
			measure.Way{Name: "local", Run: r.local},
			measure.Way{Name: "fold", Run: r.foldAlone},
			measure.Way{Name: "copy", Run: r.copyAlone})
		if err != nil {
			return err
		}
		past, err := r.past(ctx)
		rows = append(r.rows(rounds), past)
		return errors.Join(err, b.drop(ctx, baseDB))
	})
	return rows, err
}

func (r *rebuilding) rows(rounds []measure.Round) []row {
	what := "rebuild of the devices"
	beside := func(a aim, other, way string) row {
		return compared(a, what, other, rounds, over(rate("portal"), rate(way))).absolute(rounds, rate("portal"), rate(way), perSecond)
	}
	parts := func(m measure.Round) float64 { return m.Of["fold"].Took.Seconds() + m.Of["copy"].Took.Seconds() }
	local := func(m measure.Round) float64 { return m.Of["local"].Took.Seconds() }
	return []row{
		beside(t4, "official client reads $all, nothing done", "read").noted("%d events of %d devices.", r.events, r.fleet.Enrolled()),
		beside(noTarget, "the portal's own reader, nothing done", "reader"),
		beside(t5, "Watermill, one transaction per event", "naive"),
		beside(noTarget, "the same statements, pgx.Batch of 500 events", "batch"),
		beside(noTarget, "COPY of its rows, indexes and swap alone", "copy"),
		compared(t6, what+" from memory, time", "decode and fold alone + COPY, indexes, swap alone", rounds, over(local, parts)).
			absolute(rounds, local, parts, latency),
	}
}

func (r *rebuilding) prepare(ctx context.Context) error {
	r.say("preparing a log: %d events of %d devices", r.rebuildEvents, r.rebuildDevices)
	r.fleet = workload.New(6, workload.Shape{Tenants: max(1, r.rebuildEvents/ofOneTenant), Devices: r.rebuildDevices / 2, Reserved: r.rebuildDevices / 2})
	l := newLoader(ctx, r.store)
	defer l.close()
	if err := l.begin(r.fleet); err != nil {
		return err
	}
	var err error
	if r.begun, err = r.store.Head(ctx); err != nil {
		return err
	}
	if err := r.database(ctx, baseDB, ""); err != nil {
		return err
	}
	if err := r.inDatabase(ctx, baseDB, func(db *pgxpool.Pool) error { return prepareNaive(ctx, db, r.fleet) }); err != nil {
		return err
	}
	for i := 0; l.events < r.rebuildEvents; i++ {
		if r.fleet.Enrolled() < r.rebuildDevices {
			err = r.fleet.Next(l.append)
		} else {
			err = r.fleet.Status(r.fleet.Device(i*7919%r.rebuildDevices), l.append)
		}
		if err != nil {
			return err
		}
	}
	if err := l.wait(); err != nil {
		return err
	}
	r.events, r.written = l.events, time.Now()
	if r.stored, err = readRaw(ctx, r.store); err != nil {
		return err
	}
	return r.measureTruth(ctx)
}

// measureTruth makes what all rebuilds are compared with, and the rows that are copied.
func (r *rebuilding) measureTruth(ctx context.Context) error {
	if err := r.database(ctx, "truth", ""); err != nil {
		return err
	}
	err := r.inDatabase(ctx, "truth", func(db *pgxpool.Pool) (err error) {
		if err = rebuild(ctx, db, r.store); err != nil {
			return err
		}
		if err = compareFleet(ctx, db, r.fleet); err != nil {
			return err
		}
		if r.tables, err = dumpTables(ctx, db); err != nil {
			return err
		}
		r.truth, err = projections.Hash(ctx, db, viewName)
		return err
	})
	return errors.Join(err, r.drop(ctx, "truth"))
}

func (r *rebuilding) portal(ctx context.Context) (measure.Sample, error) { return r.from(ctx, r.store) }

// local rebuilds from the stored bytes in memory: without the way through the client.
func (r *rebuilding) local(ctx context.Context) (measure.Sample, error) { return r.from(ctx, r.stored) }

func (r *rebuilding) from(ctx context.Context, log eventstore.Store) (s measure.Sample, err error) {
	err = r.inEmpty(ctx, func(db *pgxpool.Pool) error {
		if err := projections.Migrate(ctx, db); err != nil {
			return err
		}
		began := time.Now()
		if err := rebuild(ctx, db, log); err != nil {
			return err
		}
		s = measure.Sample{Ops: r.events, Took: time.Since(began)}
		hashes, err := projections.Hash(ctx, db, viewName)
		if err == nil && !maps.Equal(hashes, r.truth) {
			err = fmt.Errorf("%w: after a rebuild", errDiffers)
		}
		return err
	})
	return s, err
}

func (r *rebuilding) inEmpty(ctx context.Context, f func(*pgxpool.Pool) error) error {
	if err := r.database(ctx, "copied", ""); err != nil {
		return err
	}
	return r.inDatabase(ctx, "copied", f)
}
