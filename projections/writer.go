package projections

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
)

// How writes are done.
const (
	closeTimeout = 2 * time.Second
	stageFrom    = 1000   // rows of one table from which COPY beats arrays
	keepRows     = 50_000 // of each table, in memory between batches

	// alone is how long a position waits for company before it is written alone. Most events concern one view, or no policy;
	// without it each of the others would write a row for each of them.
	alone = 5 * time.Millisecond
)

// writer applies events to one generation. It owns its connection and the rows in memory: they stay right as long as the
// position moves by this writer alone, which each write checks.
type writer struct {
	*session
	gen     Generation
	tables  []*tableWriter
	sql     *sqlWriter // of a view without folds; then there are no tables here
	filling bool       // the tables are empty, nobody reads them, and primary keys may be made after filling

	quarantine quarantine
	pending    pending
	stages     []*binding // whose temporary tables there are

	db     *pgxpool.Pool
	flight *flight  // nil: none
	least  int      // events in the next flight
	loader *session // beside a flight; nil: not opened yet
	moved  func()   // called when a flight has landed; nil: nothing
}

// pending is what has been folded and not written.
type pending struct {
	events, applied int
	last            eventstore.Recorded
	passed          []eventstore.Recorded // quarantined
	since           time.Time
}

type tableWriter struct {
	set      workingSet
	binding  *binding
	counters []*counterWriter
}

type counterWriter struct {
	counterTable
	binding *binding
}

// newWriter binds a view to the tables of a generation, whose epoch must be the caller's.
func newWriter(ctx context.Context, db *pgxpool.Pool, s *session, v View, gen Generation) (*writer, error) {
	defs, err := describe(ctx, s.conn, gen.Schema)
	if err != nil {
		return nil, err
	}
	w := &writer{session: s, gen: gen, db: db}
	if v.SQL != nil {
		w.sql = newSQLWriter(s, v.SQL, gen.Schema)
	}
	for _, t := range v.Tables {
		tw := &tableWriter{set: t.newWorkingSet()}
		if tw.binding, err = newBinding(s.types, gen.Schema, t.table(), tw.set.rowType(), defs[t.table()]); err != nil {
			return nil, fmt.Errorf("view %s: %w", v.Name, err)
		}
		if err := tw.binding.checkKey(func(c column) bool { return tw.set.isKey(c.rowField) }, "the key type"); err != nil {
			return nil, fmt.Errorf("view %s: %w", v.Name, err)
		}
		for _, sum := range tw.set.sums() {
			b, err := newBinding(s.types, gen.Schema, sum.counterTable(), sum.counterRow(), defs[sum.counterTable()])
			if err != nil {
				return nil, fmt.Errorf("view %s: %w", v.Name, err)
			}
			if err := b.checkKey(func(c column) bool { return c.typ != reflect.TypeFor[int64]() }, "what is not summed"); err != nil {
				return nil, fmt.Errorf("view %s: %w", v.Name, err)
			}
			tw.counters = append(tw.counters, &counterWriter{sum, b})
		}
		w.tables = append(w.tables, tw)
	}
	return w, nil
}

// apply folds a batch and writes what has changed, with the new position, in one transaction. If there is more it returns before
// that has ended or begun, and a later call tells how it did. After an EventError nothing has been sent, and all before the batch
// is written; after an againError without a closed connection the caller goes on from the position of the generation; after any
// other error the connection is closed, and the writer is of no more use.
func (w *writer) apply(ctx context.Context, events []eventstore.Recorded, more bool) error {
	if len(events) == 0 {
		return nil
	}
	if err := w.makeRoom(ctx); err != nil {
		return err
	}
	gathered := w.pending.events > 0
	err := w.fold(ctx, events)
	flies := err == nil && more && w.sql == nil && len(events) >= flyFrom
	if flies && w.gathers(len(events)) {
		return w.landIfDown(ctx)
	}
	var next shipment
	var unpacked error
	if flies { // packed before the one before has landed, so that Postgres need not wait for it
		next, unpacked = w.packFlight()
	}
	if landed := w.land(ctx); landed != nil {
		return landed
	}
	var poison *EventError
	if gathered && errors.As(err, &poison) {
		return againError{err}
	}
	if err != nil {
		return err
	}
	if unpacked != nil {
		return w.fail(unpacked)
	}
	if flies {
		w.takeOff(ctx, next)
		return nil
	}
	if err := w.closeLoader(); err != nil {
		return w.fail(err)
	}
	if w.unchanged() {
		if err := sleep(ctx, alone); err != nil {
			return w.fail(err)
		}
	}
	return w.flush(ctx, keepRows)
}

// unchanged reports whether what was folded has touched no row.
func (w *writer) unchanged() bool {
	return w.sql == nil && !slices.ContainsFunc(w.tables, func(t *tableWriter) bool { return t.set.changed() })
}

// fold brings events into memory, loading the rows that they touch. Those in quarantine are passed by.
func (w *writer) fold(ctx context.Context, all []eventstore.Recorded) error {
	events, passed := w.quarantine.sift(all)
	if err := w.foldSifted(ctx, events); err != nil {
		var poison *EventError
		if errors.As(err, &poison) {
			poison.index = slices.IndexFunc(all, func(r eventstore.Recorded) bool { return r.Position == poison.Position })
		}
		return err
	}
	if w.pending.events == 0 {
		w.pending.since = time.Now()
	}
	w.pending.events, w.pending.applied = w.pending.events+len(all), w.pending.applied+len(events)
	w.pending.last, w.pending.passed = all[len(all)-1], append(w.pending.passed, passed...)
	return nil
}

func (w *writer) foldSifted(ctx context.Context, events []eventstore.Recorded) error {
	if err := w.touch(events); err != nil {
		w.reset()
		return err
	}
	if err := w.load(ctx); err != nil {
		return err
	}
	if w.sql != nil {
		return w.foldSQL(ctx, events)
	}
	var first *EventError
	for _, t := range w.tables {
		if err := t.set.fold(events); err != nil && (first == nil || err.index < first.index) {
			first = err
		}
	}
	if first != nil {
		w.reset()
		return first
	}
	return nil
}

// foldSQL leaves the connection in use after an *EventError, as fold does.
func (w *writer) foldSQL(ctx context.Context, events []eventstore.Recorded) error {
	err := w.sql.fold(ctx, events)
	var failed *EventError
	if errors.As(err, &failed) {
		w.reset()
		return err
	}
	return w.fail(err)
}

func (w *writer) touch(events []eventstore.Recorded) error {
	if i := slices.IndexFunc(events, isUnknown); i >= 0 {
		return newEventError(i, events[i], ErrUnknownEvent)
	}
	for _, t := range w.tables {
		if err := t.set.touch(events); err != nil {
			return err
		}
	}
	return nil
}

// inMemory counts the rows in memory.
func (w *writer) inMemory() int {
	n := 0
	for _, t := range w.tables {
		n = max(n, t.set.size())
	}
	return n
}

// startEmpty says that the tables are empty: what is not in memory does not exist.
func (w *writer) startEmpty() {
	for _, t := range w.tables {
		t.set.complete()
	}
}

func isUnknown(r eventstore.Recorded) bool {
	_, unknown := r.Event.(domain.Unknown)
	return unknown
}

func (w *writer) reset() {
	if w.sql != nil {
		w.sql.stale = true
	}
	w.pending, w.least = pending{}, 0
	for _, t := range w.tables {
		t.set.reset()
	}
}

// fail gives up the connection: what is in memory may differ from what Postgres holds, and so may what it has prepared.
func (w *writer) fail(err error) error {
	if err == nil {
		return nil
	}
	w.reset()
	return errors.Join(err, w.close())
}

// flush writes what differs between memory and Postgres, and moves the position. It keeps about keep rows of each table
// in memory.
func (w *writer) flush(ctx context.Context, keep int) error {
	if w.sql != nil {
		return w.flushSQL(ctx)
	}
	s, err := w.pack(false)
	if err == nil {
		err = s.send(ctx, w.session)
	}
	if err != nil {
		return w.fail(err)
	}
	w.sent(keep)
	w.least = 0
	w.grew(s.grown)
	return nil
}

func (w *writer) flushSQL(ctx context.Context) error {
	fence, err := w.fence()
	if err == nil {
		err = w.sql.commit(ctx, append([]statement{fence}, w.leavePassed()...))
	}
	if err != nil {
		return w.fail(err)
	}
	w.gen.Position, w.pending = w.pending.last.Position, pending{}
	return nil
}

// sent takes note that Postgres holds what was packed, or will.
func (w *writer) sent(keep int) {
	w.gen.Position, w.pending = w.pending.last.Position, pending{}
	for _, t := range w.tables {
		t.set.written(keep)
	}
}
