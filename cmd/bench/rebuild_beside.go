package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/projections"
)

// read is the limit that the log sets: the official client reads all of it, and nothing is done with it.
func (r *rebuilding) read(ctx context.Context) (s measure.Sample, err error) {
	n, err := newNaiveCommands(r.address)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	began := time.Now()
	stream, err := n.client.ReadAll(ctx, esdb.ReadAllOptions{From: esdb.Start{}}, math.MaxInt64)
	if err != nil {
		return s, err
	}
	defer stream.Close()
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return measure.Sample{Ops: r.events, Took: time.Since(began)}, nil
		} else if err != nil {
			return s, err
		}
	}
}

// reader is the same with the store that rebuilds read from, which has a way of its own through the log, and decodes events.
func (r *rebuilding) reader(ctx context.Context) (measure.Sample, error) {
	began := time.Now()
	for _, err := range r.store.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			return measure.Sample{}, err
		}
	}
	return measure.Sample{Ops: r.events, Took: time.Since(began)}, nil
}

// naive watches the naive projector for a while, from where half of the devices are there.
func (r *rebuilding) naive(ctx context.Context) (s measure.Sample, err error) {
	err = r.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		n := newNaiveProjector(db, r.store)
		s, err = watch(ctx, n, r.begun, r.naiveSeconds, func(count func() (int, error)) error { _, err := count(); return err })
		return err
	})
	return s, err
}

// batches is the naive projector with its statements of 500 events sent at once, in one transaction.
func (r *rebuilding) batches(ctx context.Context) (s measure.Sample, err error) {
	const size = 500
	err = r.inCopy(ctx, baseDB, func(db *pgxpool.Pool) error {
		n := newNaiveProjector(db, r.store)
		var began time.Time
		batch, in, done := &pgx.Batch{}, 0, 0
		queue := func(sql string, args ...any) error { batch.Queue(sql, args...); return nil }
		for e, err := range r.store.ReadAll(ctx, r.begun, eventstore.Forward, 0) {
			if err != nil {
				return err
			}
			if began.IsZero() {
				began = time.Now()
			}
			if err := n.apply(queue, e.Stream.ID, e.Event); err != nil {
				return err
			}
			if in++; in < size {
				continue
			}
			if err := n.moveTo(queue, e.Position); err != nil {
				return err
			}
			if err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() }); err != nil {
				return err
			}
			batch, in, done = &pgx.Batch{}, 0, done+size
			if s = (measure.Sample{Ops: done, Took: time.Since(began)}); s.Took.Seconds() > 2*r.naiveSeconds {
				break
			}
		}
		return nil
	})
	return s, err
}

// foldAlone decodes and folds all events, and leaves it at that.
func (r *rebuilding) foldAlone(ctx context.Context) (s measure.Sample, err error) {
	began := time.Now()
	events := make([]eventstore.Recorded, 0, r.events)
	for e, err := range r.stored.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			return s, err
		}
		events = append(events, e)
	}
	for _, t := range view().Tables {
		if _, err := projections.Fold(t, events); err != nil {
			return s, err
		}
	}
	return measure.Sample{Ops: r.events, Took: time.Since(began)}, nil
}

// rawLog is a log in memory as it is stored: an event is decoded when it is read. It can only be read forward.
type rawLog struct {
	eventstore.Store // for whatever else is asked
	events           []eventstore.Recorded
	registry         *domain.Registry
	at               func(event int) // told of each event before it is read; nil for nobody
}

func readRaw(ctx context.Context, s eventstore.Store) (*rawLog, error) {
	l := &rawLog{Store: s, registry: catalog.Registry()}
	for e, err := range s.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			return nil, err
		}
		e.Event, e.Meta = nil, eventstore.Metadata{}
		l.events = append(l.events, e)
	}
	return l, nil
}

// ReadAll implements eventstore.Store.
func (l *rawLog) ReadAll(ctx context.Context, after eventstore.Position, _ eventstore.Direction, _ int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for i, e := range l.events {
			if e.Position.Compare(after) <= 0 {
				continue
			}
			if l.at != nil {
				l.at(i)
			}
			err := e.Decode(ctx, l.registry, nil)
			if err == nil { // each event read over the wire comes with a name of its own
				e.Stream, err = domain.ParseStream(e.Stream.String())
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
