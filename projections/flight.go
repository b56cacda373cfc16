package projections

import (
	"context"
	"errors"
	"time"

	"avportal/eventstore"
)

const (
	// flyFrom is from how many events on a batch may be written while the next is folded. Of a smaller one it is known at once
	// whether Postgres refuses it, so that the event at fault is found.
	flyFrom = 256

	// gatherFrom is from how many events on a batch may wait for the next, to be written with it: a view that is far behind
	// writes each flight for twice as many events as the one before, since of many more rows change several times.
	gatherFrom   = 2000
	mostGathered = 40_000
	gatherTime   = time.Second
)

// flight is a transaction that goes on while the next batch is folded. What that needs of the rows that are in it is in memory, and
// what it needs of others is loaded over a connection beside it.
type flight struct {
	cancel context.CancelFunc
	done   chan struct{}
	grown  int
	err    error // read it when done is closed
}

// againError says that events before this batch come again: they could not be written, or were given up.
type againError struct{ error }

func (e againError) Unwrap() error { return e.error }

// gathers reports whether what was folded waits for more, after a batch of so many events.
func (w *writer) gathers(events int) bool {
	return events >= gatherFrom && w.pending.events < w.least && w.inMemory() <= keepRows && time.Since(w.pending.since) < gatherTime
}

// position is where the next batch has to begin.
func (w *writer) position() eventstore.Position {
	if w.pending.events > 0 {
		return w.pending.last.Position
	}
	return w.gen.Position
}

// giveUp forgets what was gathered. It comes again from the position of the generation on.
func (w *writer) giveUp() {
	if w.pending.events > 0 {
		w.reset()
	}
}

// packFlight packs what may be sent while the rows in memory change.
func (w *writer) packFlight() (shipment, error) {
	s, err := w.pack(true)
	if err == nil {
		err = s.encode()
	}
	return s, err
}

// takeOff sends a shipment and does not wait for the end. Until it has landed, memory keeps all that is in it.
func (w *writer) takeOff(ctx context.Context, s shipment) {
	w.least = min(2*w.pending.events, mostGathered)
	w.sent(w.inMemory())
	flying, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the context of a batch ends when it is taken
	f := &flight{cancel: cancel, done: make(chan struct{}), grown: s.grown}
	w.flight = f
	go func() {
		defer close(f.done)
		if f.err = s.send(flying, w.session); f.err == nil && w.moved != nil {
			w.moved()
		}
	}()
}

// land waits for the end of a flight. An error is that of the flight, and the connection is closed. If the context ends, so does the
// flight.
func (w *writer) land(ctx context.Context) error {
	f := w.flight
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		f.cancel()
		<-f.done
	}
	f.cancel()
	w.flight = nil
	if f.err != nil {
		return w.fail(againError{f.err})
	}
	w.grew(f.grown)
	if w.loader != nil {
		w.loader.grew(f.grown)
	}
	return nil
}

// landIfDown does not wait.
func (w *writer) landIfDown(ctx context.Context) error {
	if w.flight == nil {
		return nil
	}
	select {
	case <-w.flight.done:
		return w.land(ctx)
	default:
		return nil
	}
}

// makeRoom forgets the rows in memory when they have become many.
func (w *writer) makeRoom(ctx context.Context) error {
	if w.flight == nil || w.pending.events > 0 || w.inMemory() <= keepRows {
		return nil
	}
	err := w.land(ctx)
	if err == nil {
		for _, t := range w.tables {
			t.set.reset()
		}
	}
	return err
}

// closed reports whether the writer is of no more use. While something flies that is not known.
func (w *writer) closed() bool { return w.flight == nil && w.conn.IsClosed() }

// close ends a flight, and then closes the connections.
func (w *writer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var err error
	if f := w.flight; f != nil {
		w.flight = nil
		select {
		case <-f.done:
		case <-ctx.Done():
			f.cancel()
			<-f.done
		}
		f.cancel()
		err = f.err
	}
	return errors.Join(err, w.closeLoader(), w.session.close())
}

func (w *writer) closeLoader() error {
	s := w.loader
	if w.loader = nil; s == nil {
		return nil
	}
	return s.close()
}
