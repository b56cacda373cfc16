package main

import (
	"context"
	"errors"
	"iter"
	"math"

	"avportal/cmd/bench/internal/workload"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

// generated is the log of a fleet that begins and does nothing more, made while it is read: a million devices need no
// store of their own to become read models. It can only be read forward.
type generated struct {
	eventstore.Store // for whatever else is asked: an empty one
	seed             uint64
	shape            workload.Shape
	ends             eventstore.Position // once it has been read to its end
}

func newGenerated(seed uint64, s workload.Shape) *generated {
	return &generated{Store: memory.New(catalog.Registry()), seed: seed, shape: s}
}

// Head implements eventstore.Store. Builds only use it to tell how far they are.
func (g *generated) Head(context.Context) (eventstore.Position, error) {
	return eventstore.Position{Commit: math.MaxInt64, Prepare: math.MaxInt64}, nil
}

var errEnough = errors.New("the reader has had enough")

// ReadAll implements eventstore.Store.
func (g *generated) ReadAll(ctx context.Context, from eventstore.Position, _ eventstore.Direction, _ int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if !g.ends.IsZero() && from.Compare(g.ends) >= 0 {
			return
		}
		fleet := workload.New(g.seed, g.shape)
		var at uint64
		each := func(a workload.Append) error {
			for i, p := range a.Events {
				at++
				r := eventstore.Recorded{
					ID: p.ID, Stream: a.Stream, Revision: a.After + 1 + eventstore.Revision(i), Position: eventstore.Position{Commit: at, Prepare: at},
					At: a.At, Type: p.Event.EventType(), Meta: p.Meta, Event: p.Event, Link: eventstore.NoStream,
				}
				if r.Position.Compare(from) > 0 && !yield(r, nil) {
					return errEnough
				}
			}
			return ctx.Err()
		}
		err := fleet.Ground(each)
		if err == nil {
			err = fleet.Begin(each)
		}
		if err != nil {
			if !errors.Is(err, errEnough) {
				yield(eventstore.Recorded{}, err)
			}
			return
		}
		g.ends = eventstore.Position{Commit: at, Prepare: at}
	}
}
