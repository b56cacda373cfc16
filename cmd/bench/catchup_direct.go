package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/eventstore"
	"avportal/projections"
)

// direct is the same projector, fed by a loop instead of a router.
func (c *catchUp) direct(ctx context.Context) (s measure.Sample, err error) {
	err = c.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		e, err := projections.New(projections.Config{DB: db, Store: c.store, Views: []projections.View{view()}, RenewFrom: -1, Log: c.log})
		if err != nil {
			return err
		}
		if err := projections.Migrate(ctx, db); err != nil {
			return err
		}
		// The engine's own run ends at once, and with it the projector's connection.
		defer func() {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_ = e.Run(ended)
		}()
		began := time.Now()
		if err := c.feed(ctx, e, func() { began = time.Now() }); err != nil {
			return err
		}
		s = measure.Sample{Ops: c.events, Took: time.Since(began)}
		return c.same(ctx, db)
	})
	return s, err
}

// feed does what the subscriber does: it reads ahead, and hands over what is there.
func (c *catchUp) feed(ctx context.Context, e *projections.Engine, started func()) error {
	after, err := e.Checkpoint(ctx, viewName)
	if err != nil {
		return err
	}
	started()
	const largest, bytes = 5000, 8 << 20
	ahead := eventstore.NewBuffer(2*largest, 2*bytes)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for r, err := range c.store.Subscribe(ctx, after) {
			if err == nil {
				err = ahead.Put(ctx, r)
			}
			if err != nil {
				ahead.Close(err)
				return
			}
		}
	}()
	handle := e.Handler(viewName)
	for after.Compare(c.to) < 0 {
		events, err := ahead.Take(ctx, largest, bytes)
		if err != nil {
			return err
		}
		batch := eventstore.Batch{After: after, Events: events}
		if err := handle(eventstore.NewMessage(ctx, batch)); err != nil {
			return err
		}
		after = batch.Last()
	}
	return nil
}
