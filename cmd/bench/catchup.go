package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections"
	"avportal/projections/devices"
)

// catchUp compares ways to bring a live read model from one position of the log to another. Each starts on a copy of the
// same database and reads from the same node.
type catchUp struct {
	*bench
	store    eventstore.Store
	fleet    *workload.Fleet
	from, to eventstore.Position
	events   int
	truth    map[string]string // hash of each table of a rebuild up to the end
	rows     copyRows

	naiveLast eventstore.Position // where the naive way ended in the last round

	meter meter
}

const (
	baseDB   = "base" // the read models before the window
	viewName = "devices"
)

func view() projections.View { return devices.View }

// catchingUp measures events a second through Watermill into Postgres.
func (b *bench) catchingUp(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(_ *node.Node, s *esdb.Store) error {
		c := &catchUp{bench: b, store: s, meter: newMeter(b)}
		if err := c.prepare(ctx); err != nil {
			return err
		}
		rounds, err := b.plan(1).Run(ctx,
			measure.Way{Name: "portal", Run: c.portal},
			measure.Way{Name: "rows", Run: c.byRows},
			measure.Way{Name: "direct", Run: c.direct},
			measure.Way{Name: "naive", Run: c.naive},
			measure.Way{Name: "copy", Run: c.copy})
		if err != nil {
			return err
		}
		rows = []row{
			compared(t1, "catch-up of a live view", "Watermill, one transaction per event", rounds, over(rate("portal"), rate("naive"))).
				absolute(rounds, rate("portal"), rate("naive"), perSecond).
				noted("processor time of an event: %s; naive: %s. Row by row, as a view works that is not as far behind: %.1fx.",
					c.meter.each("portal"), c.meter.each("naive"), median(rounds, over(rate("rows"), rate("naive")))),
			compared(t2, "catch-up of a live view, events", "raw COPY into its indexed table, rows", rounds, over(rate("portal"), rate("copy"))).
				absolute(rounds, rate("portal"), rate("copy"), perSecond),
			compared(t3, "the same row by row, through Watermill", "same projector without Watermill", rounds, over(rate("rows"), rate("direct"))).
				absolute(rounds, rate("rows"), rate("direct"), perSecond),
		}
		b.say("comparing with what the naive projector has written")
		return errors.Join(c.compareNaive(ctx), b.drop(ctx, baseDB))
	})
	return rows, err
}

func (c *catchUp) prepare(ctx context.Context) error {
	c.say("preparing a log: %d devices, then %d events", c.catchUp(), c.window)
	c.fleet = workload.New(2, workload.Shape{Tenants: 20, Devices: c.catchUp(), Reserved: c.window / 4})
	l := newLoader(ctx, c.store)
	defer l.close()
	if err := l.begin(c.fleet); err != nil {
		return err
	}
	var err error
	if c.from, err = c.store.Head(ctx); err != nil {
		return err
	}
	if err := c.prepareBase(ctx); err != nil {
		return err
	}
	before := l.events
	for l.events < before+c.window {
		if err := c.fleet.Next(l.append); err != nil {
			return err
		}
	}
	c.events = l.events - before
	if err := l.wait(); err != nil {
		return err
	}
	if c.to, err = c.store.Head(ctx); err != nil {
		return err
	}
	c.say("building the same once by a fold of the whole log")
	if err := c.database(ctx, "truth", ""); err != nil {
		return err
	}
	err = c.inDatabase(ctx, "truth", func(db *pgxpool.Pool) error {
		if err := rebuild(ctx, db, c.store); err != nil {
			return err
		}
		if err := compareFleet(ctx, db, c.fleet); err != nil {
			return err
		}
		c.truth, err = projections.Hash(ctx, db, viewName)
		return err
	})
	return errors.Join(err, c.drop(ctx, "truth"))
}

// catchUp hides the field of the same name.
func (c *catchUp) catchUp() int { return c.bench.catchUp }

func (c *catchUp) prepareBase(ctx context.Context) error {
	if err := c.database(ctx, baseDB, ""); err != nil {
		return err
	}
	return c.inDatabase(ctx, baseDB, func(db *pgxpool.Pool) error {
		if err := rebuild(ctx, db, c.store); err != nil {
			return err
		}
		if err := prepareNaive(ctx, db, c.fleet); err != nil {
			return err
		}
		var err error
		c.rows, err = readRows(ctx, db, c.window/2)
		return err
	})
}

func rebuild(ctx context.Context, db *pgxpool.Pool, store eventstore.Store) error {
	e, err := projections.New(projections.Config{DB: db, Store: store, Views: []projections.View{view()}})
	if err != nil {
		return err
	}
	return e.Rebuild(ctx, viewName, nil)
}

// portal is the candidate: the engine as the portal runs it.
func (c *catchUp) portal(ctx context.Context) (measure.Sample, error) {
	return c.follow(ctx, "portal", 0)
}

// byRows is the engine as it works for a view that is not far behind.
func (c *catchUp) byRows(ctx context.Context) (measure.Sample, error) {
	return c.follow(ctx, "rows", -1)
}

func (c *catchUp) follow(ctx context.Context, way string, renewFrom int) (s measure.Sample, err error) {
	err = c.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		timed := &timedStore{Store: c.store}
		e, err := projections.New(projections.Config{DB: db, Store: timed, Views: []projections.View{view()}, RenewFrom: renewFrom, Log: c.log})
		if err != nil {
			return err
		}
		err = c.meter.run(way, func() (int, error) {
			return c.events, running(ctx, e, func(ctx context.Context) error {
				_, err := e.Await(ctx, db, viewName, c.to)
				s = measure.Sample{Ops: c.events, Took: time.Since(timed.began())}
				return err
			})
		})
		return errors.Join(err, c.same(ctx, db))
	})
	return s, err
}

// running runs f beside an engine.
func running(ctx context.Context, e *projections.Engine, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			cancel(err)
		}
	}()
	err := f(ctx)
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-done
	return err
}

// naive watches the naive projector for a while, since it would not come to the end. What it applies at first is not
// counted: the subscription reads far ahead then, which would count against it.
func (c *catchUp) naive(ctx context.Context) (s measure.Sample, err error) {
	err = c.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		n := newNaiveProjector(db, c.store)
		var err error
		s, err = watch(ctx, n, c.from, c.naiveSeconds, func(count func() (int, error)) error { return c.meter.run("naive", count) })
		c.naiveLast = n.last
		return err
	})
	return s, err
}

// copy is the limit: rows like those of the view go into its table as fast as Postgres takes them.
func (c *catchUp) copy(ctx context.Context) (s measure.Sample, err error) {
	err = c.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		conn, err := db.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		began := time.Now()
		_, err = conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(c.rows.data), c.rows.sql)
		s = measure.Sample{Ops: c.rows.count, Took: time.Since(began)}
		return err
	})
	return s, err
}

// same compares all tables with those of the rebuild.
func (c *catchUp) same(ctx context.Context, db *pgxpool.Pool) error {
	hashes, err := projections.Hash(ctx, db, viewName)
	if err == nil && !maps.Equal(hashes, c.truth) {
		for table, h := range c.truth {
			if hashes[table] != h {
				err = errors.Join(err, fmt.Errorf("%w: table %s after a catch-up", errDiffers, table))
			}
		}
	}
	return err
}

// timedStore notes when a renewal or a subscription began.
type timedStore struct {
	eventstore.Store
	at atomic.Int64
}

// Head implements eventstore.Store. The view asks for it to learn how far behind it is.
func (t *timedStore) Head(ctx context.Context) (eventstore.Position, error) {
	t.at.CompareAndSwap(0, time.Now().UnixNano())
	return t.Store.Head(ctx)
}

// Subscribe implements eventstore.Store.
func (t *timedStore) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	t.at.CompareAndSwap(0, time.Now().UnixNano())
	return t.Store.Subscribe(ctx, after)
}

func (t *timedStore) began() time.Time { return time.Unix(0, t.at.Load()) }
