package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections"
)

// lagging measures how long it takes until another connection can see what a command has changed: from when its caller has the
// answer, which is the view's own lag, and from when it was due, which holds all that somebody has to wait for.
type lagging struct {
	*bench
	fleet   *workload.Fleet
	locks   []sync.Mutex // one for each device: what is due for it while it is busy waits, and its waiting counts
	handler *commands.Handler
	engine  *projections.Engine
	db      *pgxpool.Pool
	next    int
	meter   meter
}

const lagDB = "lag"

// lag compares it with what it can't do without: one flush of the log and one commit of Postgres.
func (b *bench) lag(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(_ *node.Node, s *esdb.Store) error {
		if err := b.database(ctx, lagDB, ""); err != nil {
			return err
		}
		err := b.inDatabase(ctx, lagDB, func(db *pgxpool.Pool) (err error) {
			rows, err = b.lagOn(ctx, s, db)
			return err
		})
		return errors.Join(err, b.drop(ctx, lagDB))
	})
	return rows, err
}

func (b *bench) lagOn(ctx context.Context, s *esdb.Store, db *pgxpool.Pool) (rows []row, err error) {
	l := &lagging{bench: b, db: db, handler: commands.New(s), fleet: workload.New(3, workload.Shape{Tenants: 10, Devices: b.devices}),
		locks: make([]sync.Mutex, b.devices), meter: newMeter(b)}
	loading := newLoader(ctx, s)
	defer loading.close()
	if err := loading.begin(l.fleet); err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, oneEvent); err != nil {
		return nil, err
	}
	if l.engine, err = projections.New(projections.Config{DB: db, Store: s, Views: []projections.View{view()}, Log: b.log}); err != nil {
		return nil, err
	}
	err = running(ctx, l.engine, func(ctx context.Context) error {
		if err := l.warm(ctx, s); err != nil {
			return err
		}
		rounds, err := b.plan(2).Run(ctx,
			measure.Way{Name: "flush", Run: func(context.Context) (measure.Sample, error) { return b.disk.Flushes(200) }},
			measure.Way{Name: "commit", Run: l.commits},
			l.way("calm", 100), l.way("slow", 1000), l.way("fast", 5000))
		if err != nil {
			return err
		}
		rows = l.rows(rounds)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.say("comparing with a fold of the log")
	var differs *projections.Difference
	if _, err = l.engine.Verify(ctx, viewName, nil); errors.As(err, &differs) {
		err = fmt.Errorf("%w: %w", errDiffers, err)
	}
	return rows, err
}

// warm brings the devices into the cache and the view to the end of the log.
func (l *lagging) warm(ctx context.Context, s eventstore.Store) error {
	for i := range l.fleet.Enrolled() {
		d := l.fleet.Device(i)
		if err := commands.Peek(ctx, l.handler, device.Stream(d.Tenant, d.ID), func(device.State, eventstore.Revision) {}); err != nil {
			return err
		}
	}
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	_, err = l.engine.Await(ctx, l.db, viewName, head)
	return err
}

// oneEvent is what a projector writes for a single event: a row and its position.
const oneEvent = `CREATE TABLE one_row (id int PRIMARY KEY, at timestamptz, state text);
CREATE TABLE one_position (id int PRIMARY KEY, commit bigint, prepare bigint);
INSERT INTO one_row VALUES (1, now(), 'x'); INSERT INTO one_position VALUES (1, 0, 0)`

// commits takes the latency of durable commits, one after the other, each in one round trip.
func (l *lagging) commits(ctx context.Context) (s measure.Sample, err error) {
	conn, err := l.db.Acquire(ctx)
	if err != nil {
		return s, err
	}
	defer conn.Release()
	for i := range 200 {
		began := time.Now()
		var b pgx.Batch
		b.Queue(`UPDATE one_row SET at = now(), state = $1 WHERE id = 1`, "y")
		b.Queue(`UPDATE one_position SET commit = $1, prepare = $1 WHERE id = 1`, i)
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return s, err
		}
		s.Latencies = append(s.Latencies, time.Since(began))
		s.Took += s.Latencies[i]
		s.Ops++
	}
	return s, nil
}

// sent is one command on its way to the read model.
type sent struct {
	due, acked time.Time
	at         eventstore.Position
}

// seen is where the view was, as another connection saw it.
type seen struct {
	at   eventstore.Position
	when time.Time
}

// way sends at a rate for a slice of time, and waits until all of it is visible.
func (l *lagging) way(name string, perSecond int) measure.Way {
	return measure.Way{Name: name, Run: func(ctx context.Context) (measure.Sample, error) {
		watching, stop := context.WithCancel(ctx)
		defer stop()
		watched := make(chan []seen, 1)
		watchErr := make(chan error, 1)
		go func() {
			s, err := l.watch(watching)
			watched <- s
			watchErr <- err
		}()
		var commands []sent
		err := l.meter.run(name, func() (_ int, err error) {
			if commands, err = l.send(ctx, perSecond); err != nil {
				return 0, err
			}
			last := slices.MaxFunc(commands, func(a, b sent) int { return a.at.Compare(b.at) })
			_, err = l.engine.Await(ctx, l.db, viewName, last.at)
			return len(commands), err
		})
		if err != nil {
			return measure.Sample{}, err
		}
		time.Sleep(20 * time.Millisecond) // the watcher sees it, too
		stop()
		views, err := <-watched, <-watchErr
		if err != nil {
			return measure.Sample{}, err
		}
		sinceDue, sinceAck, err := lags(commands, views)
		return measure.Sample{Ops: len(commands), Took: l.lagSlice(), Latencies: sinceDue, Also: sinceAck}, err
	}}
}

// lagSlice is how long one slice of load lasts.
func (b *bench) lagSlice() time.Duration { return b.lagFor / 2 }

func (l *lagging) send(ctx context.Context, perSecond int) ([]sent, error) {
	var mu sync.Mutex
	var all []sent
	first := l.next
	l.next += int(l.lagSlice().Seconds() * float64(perSecond))
	err := measure.Open(ctx, perSecond, l.lagSlice(), 512, func(ctx context.Context, i int, due time.Time) error {
		n := (first + i) % l.fleet.Enrolled()
		d := l.fleet.Device(n)
		l.locks[n].Lock()
		defer l.locks[n].Unlock()
		now := time.Now()
		c := workload.Report(d, now)
		rq := commands.Request{Actor: domain.DeviceActor(d.ID, l.fleet.Scope(d)), At: now, ID: uuid.New()}
		res, err := commands.Do[device.State](ctx, l.handler, rq, c)
		if err != nil {
			return err
		}
		acked := time.Now()
		d.State = d.State.Evolve(device.GuardsChanged{Device: d.ID, To: c.Guards})
		mu.Lock()
		defer mu.Unlock()
		all = append(all, sent{due, acked, res.Position})
		return nil
	})
	return all, err
}

// watch looks at the view's position, on a connection of its own, whenever the engine says that it has moved.
func (l *lagging) watch(ctx context.Context) (all []seen, err error) {
	conn, err := l.db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	signals := l.engine.Signals()
	for {
		moved := signals.Changed(viewName)
		at, err := projections.Position(context.WithoutCancel(ctx), conn, viewName)
		if err != nil {
			return nil, err
		}
		if n := len(all); n == 0 || all[n-1].at.Compare(at) < 0 {
			all = append(all, seen{at, time.Now()})
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return all, nil
		}
	}
}

// lags finds for each command when the view was first seen to hold it. A command that is visible before its caller has the
// answer has no lag behind that.
func lags(commands []sent, views []seen) (sinceDue, sinceAck []time.Duration, err error) {
	for _, c := range commands {
		i := sort.Search(len(views), func(i int) bool { return views[i].at.Compare(c.at) >= 0 })
		if i == len(views) {
			return nil, nil, fmt.Errorf("the command at %s was never seen", c.at)
		}
		sinceDue = append(sinceDue, views[i].when.Sub(c.due))
		sinceAck = append(sinceAck, max(0, views[i].when.Sub(c.acked)))
	}
	return sinceDue, sinceAck, nil
}

func (l *lagging) rows(rounds []measure.Round) []row {
	var rows []row
	for _, load := range []struct {
		way, rate string
		p50, p99  aim
	}{{"calm", "100/s", noTarget, noTarget}, {"slow", "1,000/s", t11, t12}, {"fast", "5,000/s", t11fast, t12fast}} {
		for _, q := range []struct {
			aim
			name string
			q    float64
		}{{load.p50, "p50", 0.5}, {load.p99, "p99", 0.99}} {
			limit, beside := sum(quantile("flush", q.q), quantile("commit", q.q)), "one flush + one Postgres commit, "+q.name
			acked := func(r measure.Round) float64 { return measure.Quantile(r.Of[load.way].Also, q.q).Seconds() }
			due := quantile(load.way, q.q)
			rows = append(rows,
				compared(q.aim, "acknowledged -> row visible, "+load.rate+", "+q.name, beside, rounds, over(acked, limit)).absolute(rounds, acked, limit, latency),
				compared(noTarget, "command due -> row visible, "+load.rate+", "+q.name, beside, rounds, over(due, limit)).absolute(rounds, due, limit, latency).
					noted("processor time of a command until it is visible: %s.", l.meter.each(load.way)))
		}
	}
	return rows
}
