package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/cmd/internal/portal"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node"
	"avportal/projections"
)

// What the target is about: views that were away for an hour while 100,000 devices reported every minute.
const (
	outageRate   = 1667 // reports a second, also while the views catch up
	outageEvents = 3600 * outageRate
	caughtUp     = time.Second // so old is what a view that has caught up shows
)

// outages measures how long views take to be current again after an outage, while devices go on to report.
func (b *bench) outages(ctx context.Context) (rows []row, err error) {
	err = b.withNode(ctx, func(_ *node.Node, s *esdb.Store) error {
		o := &outage{bench: b, store: s, fleet: workload.New(8, workload.Shape{Tenants: 20, Devices: b.catchUp})}
		o.loader = newLoader(ctx, s)
		defer o.loader.close()
		b.say("preparing a log: %d devices", b.catchUp)
		if err := o.loader.begin(o.fleet); err != nil {
			return err
		}
		one := &behind{outage: o, name: "outage_one", views: []projections.View{view()}}
		all := &behind{outage: o, name: "outage_all", views: portal.Views()}
		if err := errors.Join(one.build(ctx), all.build(ctx)); err != nil {
			return err
		}
		rounds, err := b.plan(1).Run(ctx, measure.Way{Name: one.name, Run: one.run}, measure.Way{Name: all.name, Run: all.run})
		if err != nil {
			return err
		}
		rows = []row{one.row(t19, "the view of devices", rounds), all.row(noTarget, "all views of the portal", rounds)}
		rows[1].Unit = t19.unit
		return errors.Join(one.verify(ctx), all.verify(ctx), b.drop(ctx, one.name), b.drop(ctx, all.name))
	})
	return rows, err
}

// outage is a log that grows whether views follow it or not.
type outage struct {
	*bench
	store  eventstore.Store
	fleet  *workload.Fleet
	loader *loader
}

// grow appends so many events.
func (o *outage) grow(events int) error {
	for end := o.loader.events + events; o.loader.events < end; {
		if err := o.fleet.Next(o.loader.append); err != nil {
			return err
		}
	}
	return nil
}

// goOn appends at the rate of the fleet until the context ends.
func (o *outage) goOn(ctx context.Context) error {
	began, before := time.Now(), o.loader.events
	for ctx.Err() == nil {
		due := int(time.Since(began).Seconds()*outageRate) - (o.loader.events - before)
		if err := o.grow(max(0, due)); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return o.loader.wait()
}

// behind is a database whose views follow the log only now and then.
type behind struct {
	*outage
	name  string
	views []projections.View
	known int // events when they were current last
}

func (v *behind) engine(db *pgxpool.Pool) (*projections.Engine, *eventstore.Tail, error) {
	tail := eventstore.NewTail(v.store, v.log)
	e, err := projections.New(projections.Config{DB: db, Store: v.store, Tail: tail, Views: v.views, Log: v.log})
	return e, tail, err
}

func (v *behind) build(ctx context.Context) error {
	if err := v.database(ctx, v.name, ""); err != nil {
		return err
	}
	v.known = v.loader.events
	return v.inDatabase(ctx, v.name, func(db *pgxpool.Pool) error {
		e, _, err := v.engine(db)
		for _, view := range v.views {
			if err == nil {
				err = e.Rebuild(ctx, view.Name, nil)
			}
		}
		return err
	})
}

// run is one outage and its end. The sample counts the events that were missed.
func (v *behind) run(ctx context.Context) (s measure.Sample, err error) {
	if err := errors.Join(v.grow(v.missed), v.loader.wait()); err != nil {
		return s, err
	}
	err = v.inDatabase(ctx, v.name, func(db *pgxpool.Pool) error {
		e, tail, err := v.engine(db)
		if err != nil {
			return err
		}
		s.Ops = v.loader.events - v.known
		began := time.Now()
		return running(ctx, e, func(ctx context.Context) error {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			go tail.Run(ctx)
			loading := make(chan error, 1)
			go func() { loading <- v.goOn(ctx) }()
			err := v.current(ctx, e, db)
			s.Took = time.Since(began)
			stop()
			err = errors.Join(err, <-loading)
			v.known = v.loader.events
			return err
		})
	})
	return s, err
}

// current waits until every view shows what stood in the log a moment ago.
func (v *behind) current(ctx context.Context, e *projections.Engine, db *pgxpool.Pool) error {
	for {
		asked := time.Now()
		head, err := v.store.Head(ctx)
		for _, view := range v.views {
			if err == nil {
				_, err = e.Await(ctx, db, view.Name, head)
			}
		}
		if err != nil || time.Since(asked) < caughtUp {
			return err
		}
	}
}

func (v *behind) row(a aim, what string, rounds []measure.Round) row {
	perEvent := func(r measure.Round) float64 { return r.Of[v.name].Took.Seconds() / float64(r.Of[v.name].Ops) }
	missed := median(rounds, func(r measure.Round) float64 { return float64(r.Of[v.name].Ops) })
	return compared(a, "an outage of an hour, "+what, fmt.Sprintf("%d reports a second go on", outageRate), rounds,
		func(r measure.Round) float64 { return perEvent(r) * outageEvents / 60 }).
		absolute(rounds, func(r measure.Round) float64 { return 1 / perEvent(r) }, func(measure.Round) float64 { return outageRate }, perSecond).
		noted("of the %d events that were missed in an hour, %.0f were, and the time scaled.", outageEvents, missed)
}

func (v *behind) verify(ctx context.Context) error {
	v.say("comparing with a fold of the log")
	return v.inDatabase(ctx, v.name, func(db *pgxpool.Pool) error {
		e, tail, err := v.engine(db)
		if err != nil {
			return err
		}
		return running(ctx, e, func(ctx context.Context) error {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			go tail.Run(ctx)
			if err := v.current(ctx, e, db); err != nil {
				return err
			}
			for _, view := range v.views {
				var differs *projections.Difference
				if _, err := e.Verify(ctx, view.Name, nil); errors.As(err, &differs) {
					return fmt.Errorf("%w: %w", errDiffers, err)
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	})
}
