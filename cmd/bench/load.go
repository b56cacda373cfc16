package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"

	"avportal/cmd/bench/internal/workload"
	"avportal/eventstore"
)

// loader appends a history with many callers at once. What belongs to one id stays in order; wait is a barrier for all.
type loader struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	seed   maphash.Seed
	queues []chan workload.Append
	work   sync.WaitGroup // appends that are not done
	events int
}

const loaders = 128

func newLoader(ctx context.Context, store eventstore.Store) *loader {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &loader{ctx: ctx, cancel: cancel, seed: maphash.MakeSeed(), queues: make([]chan workload.Append, loaders)}
	for i := range l.queues {
		q := make(chan workload.Append, 16)
		l.queues[i] = q
		go func() {
			for a := range q {
				if ctx.Err() == nil {
					if _, err := store.Append(ctx, a.Stream, a.After, a.Events); err != nil {
						cancel(fmt.Errorf("load: %w", err))
					}
				}
				l.work.Done()
			}
		}()
	}
	return l
}

// append hands an append over.
func (l *loader) append(a workload.Append) error {
	for len(a.Events) > 0 { // one append has bounds
		part := a
		if n := 500; len(a.Events) > n {
			part.Events, a.Events = a.Events[:n], a.Events[n:]
			a.After += eventstore.Revision(n)
		} else {
			a.Events = nil
		}
		l.events += len(part.Events)
		l.work.Add(1)
		l.queues[maphash.String(l.seed, part.Stream.ID)%loaders] <- part
	}
	return context.Cause(l.ctx)
}

// wait returns when all that was handed over stands in the log.
func (l *loader) wait() error {
	l.work.Wait()
	return context.Cause(l.ctx)
}

func (l *loader) close() {
	l.work.Wait()
	for _, q := range l.queues {
		close(q)
	}
	l.cancel(nil)
}

// begin appends the whole beginning of a fleet.
func (l *loader) begin(f *workload.Fleet) error {
	if err := f.Ground(l.append); err != nil {
		return err
	}
	if err := l.wait(); err != nil {
		return err
	}
	if err := f.Begin(l.append); err != nil {
		return err
	}
	return l.wait()
}
