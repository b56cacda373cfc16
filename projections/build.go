package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/eventstore"
)

// Progress of a build.
type Progress struct {
	View      string
	Schema    string // of the generation that is being built
	Phase     string // "reading", "indexing" or "done"
	Events    int    // read in this run
	Position  eventstore.Position
	Head      eventstore.Position // of the log when the build began
	PerSecond float64             // events, since the build began
	Left      time.Duration       // an estimate; zero if there is none yet
}

// How a build works.
const (
	buildBatch   = 2000             // events folded at a time
	buildAhead   = 16 << 20         // bytes of events read ahead
	buildSave    = 30 * time.Second // how often a build writes down what it has, so that it can be resumed
	reportEvery  = 500 * time.Millisecond
	nearEnough   = 1000 // events behind the head at which a swap may begin
	maxRounds    = 10   // of catching up before a swap, should the log grow as fast as it is read
	suffixNext   = "_next"
	suffixPrev   = "_prev"
	suffixVerify = "_check"
)

// Build makes a new generation of a view beside the live one, up to the present end of the log. It does not touch what is
// live; Swap does. A build that was broken off goes on where it has last saved. report may be nil.
func (e *Engine) Build(ctx context.Context, view string, report func(Progress)) error {
	v, err := e.view(view)
	if err != nil {
		return err
	}
	if err := Migrate(ctx, e.DB); err != nil {
		return err
	}
	w, release, err := e.openNext(ctx, v, func() (bool, error) { return true, nil })
	if err != nil {
		return fmt.Errorf("build of view %s: %w", view, err)
	}
	defer release()
	b := e.newBuild(v, w, report)
	defer b.close()
	if err := b.complete(ctx); err != nil {
		return fmt.Errorf("build of view %s: %w", view, err)
	}
	return nil
}

// Rebuild is Build and Swap.
func (e *Engine) Rebuild(ctx context.Context, view string, report func(Progress)) error {
	if err := e.Build(ctx, view, report); err != nil {
		return err
	}
	return e.Swap(ctx, view)
}

// ensure makes sure that the view is live in this build's version.
func (e *Engine) ensure(ctx context.Context, v View) error {
	ok, err := e.current(ctx, v)
	if ok || err != nil {
		return err
	}
	select { // builds take memory: not all at once
	case e.building <- struct{}{}:
		defer func() { <-e.building }()
	case <-ctx.Done():
		return ctx.Err()
	}
	// While another portal builds this waits, and then there may be nothing left to do.
	w, release, err := e.openNext(ctx, v, func() (bool, error) {
		ok, err := e.current(ctx, v)
		return !ok, err
	})
	if err != nil {
		return fmt.Errorf("build of view %s: %w", v.Name, err)
	}
	if w == nil {
		return nil
	}
	defer release()
	b := e.newBuild(v, w, nil)
	defer b.close()
	e.Log.Info("building", "view", v.Name, "version", v.Version)
	err = b.complete(ctx)
	var poison *EventError
	if errors.As(err, &poison) {
		if _, live, findErr := find(ctx, e.DB, v.Name); !live && findErr == nil { // a view that stands is better than none
			err = b.index(ctx)
		}
	}
	if err == nil {
		err = b.swap(ctx)
	}
	if err != nil {
		return fmt.Errorf("build of view %s: %w", v.Name, err)
	}
	return nil
}

// current reports whether the live generation is of this build's version.
func (e *Engine) current(ctx context.Context, v View) (bool, error) {
	g, ok, err := find(ctx, e.DB, v.Name)
	switch {
	case err != nil || !ok:
		return false, err
	case g.Version > v.Version:
		return false, fmt.Errorf("view %s is live in version %d; this portal knows version %d and leaves it to a newer one", v.Name, g.Version, v.Version)
	case g.Version == v.Version && g.Fingerprint != v.fingerprint():
		return false, fmt.Errorf("view %s: the schema has changed, but its Version is still %d; raise it, and the view is built anew", v.Name, v.Version)
	}
	return g.Version == v.Version, nil
}

// openNext opens the generation that is being built, and makes it if there is none, or one of another version. It answers
// no writer if by then it is not needed any more.
func (e *Engine) openNext(ctx context.Context, v View, needed func() (bool, error)) (*writer, func(), error) {
	schema := v.Name + suffixNext
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return nil, nil, err
	}
	l := lease{name: schema, owner: e.owner, db: e.DB} // waited for before anything is dropped
	ok := false
	if err = l.await(ctx, s); err == nil {
		ok, err = needed()
	}
	if ok && err == nil {
		err = e.makeNext(ctx, s, v, schema)
	}
	if err = errors.Join(err, s.close()); err != nil || !ok {
		l.release()
		return nil, nil, err
	}
	return e.enter(ctx, v, schema)
}

func (e *Engine) makeNext(ctx context.Context, s *session, v View, schema string) error {
	g, ok, err := find(ctx, s.conn, schema)
	if err == nil && ok && (g.Version != v.Version || g.Fingerprint != v.fingerprint()) {
		err = drop(ctx, e.DB, schema)
	}
	if err != nil {
		return err
	}
	return create(ctx, e.DB, v, schema, StateNext)
}

// build fills one generation.
type build struct {
	engine *Engine
	view   View
	*writer
	report func(Progress)

	progress Progress
	began    time.Time
	reported time.Time
	from     eventstore.Position
}

func (e *Engine) newBuild(v View, w *writer, report func(Progress)) *build {
	w.filling = w.gen.Position.IsZero()
	return &build{
		engine: e, view: v, writer: w, report: report, began: time.Now(), from: w.gen.Position,
		progress: Progress{View: v.Name, Schema: w.gen.Schema, Phase: "reading", Position: w.gen.Position},
	}
}

func (b *build) close() {
	b.engine.setProgress(b.view.Name, nil)
	if !b.conn.IsClosed() {
		_ = b.writer.close()
	}
}

// complete reads to the end of the log, makes the indexes, and reads what has come since.
func (b *build) complete(ctx context.Context) error {
	head, err := b.engine.Store.Head(ctx)
	if err != nil {
		return err
	}
	b.progress.Head = head
	if _, err := b.fill(ctx, eventstore.Position{}); err != nil {
		return err
	}
	b.tell("indexing")
	if err := b.index(ctx); err != nil {
		return err
	}
	for n, round := nearEnough, 0; n >= nearEnough && round < maxRounds; round++ {
		if n, err = b.fill(ctx, eventstore.Position{}); err != nil {
			return err
		}
	}
	b.tell("done")
	return nil
}

// fill folds events up to the end of the log, or up to a position, in memory, and writes them now and then. Reading and
// decoding go on beside folding. It answers how many events it has read.
func (b *build) fill(ctx context.Context, until eventstore.Position) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	ahead := eventstore.NewBuffer(4*buildBatch, buildAhead)
	from := b.gen.Position
	reading.Go(func() { ahead.Close(b.read(ctx, from, until, ahead)) })

	last, saved := from, time.Now()
	for {
		events, err := ahead.Take(ctx, min(buildBatch, b.engine.BuildRows), buildAhead)
		if err != nil {
			return n, err
		}
		if len(events) == 0 {
			break
		}
		if err := b.fold(ctx, events); err != nil {
			return n, b.stopped(ctx, last, events, err)
		}
		last, n = events[len(events)-1].Position, n+len(events)
		b.progress.Events, b.progress.Position = b.progress.Events+len(events), last
		b.tell("reading")
		if full := b.inMemory() > b.engine.BuildRows; full || time.Since(saved) > buildSave {
			if err := b.save(ctx, last); err != nil {
				return n, err
			}
			saved = time.Now()
		}
	}
	if last == b.gen.Position {
		return n, nil
	}
	return n, b.save(ctx, last)
}

func (b *build) save(ctx context.Context, at eventstore.Position) error {
	err := b.flush(ctx, at, b.engine.BuildRows)
	b.filling = false
	return err
}

// stopped notes the event that the build can't apply, and saves what stands before it: the next try begins there.
func (b *build) stopped(ctx context.Context, last eventstore.Position, events []eventstore.Recorded, err error) error {
	var poison *EventError
	if !errors.As(err, &poison) {
		return err
	}
	poison.View = b.view.Name
	if poison.index > 0 {
		last = events[poison.index-1].Position
	}
	if last != b.gen.Position {
		if b.gen.Position.IsZero() {
			b.startEmpty()
		}
		if _, fillErr := b.fill(ctx, last); fillErr != nil {
			return errors.Join(err, fillErr)
		}
	}
	b.engine.haltView(ctx, b.gen, poison)
	return err
}

func (b *build) read(ctx context.Context, from, until eventstore.Position, ahead *eventstore.Buffer) error {
	for r, err := range b.engine.Store.ReadAll(ctx, from, eventstore.Forward, 0) {
		if err != nil {
			return err
		}
		if !until.IsZero() && r.Position.Compare(until) > 0 {
			return nil
		}
		if err := ahead.Put(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// index makes the secondary indexes, unless they are there, and gives the planner its statistics.
func (b *build) index(ctx context.Context) error {
	if b.gen.Indexed {
		return nil
	}
	err := pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error {
		if err := execIn(ctx, tx, b.gen.Schema, `SET LOCAL maintenance_work_mem = '256MB';`+b.view.Indexes); err != nil {
			return fmt.Errorf("indexes: %w", err)
		}
		for _, t := range b.tables {
			if _, err := tx.Exec(ctx, `ANALYZE `+t.binding.target()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE portal.generation SET indexed = true WHERE id = $1`, b.gen.ID)
		return err
	})
	b.gen.Indexed = err == nil
	return err
}

// tell reports progress, not too often. What is left is estimated by how far positions have come: they are opaque, but
// they grow with the log.
func (b *build) tell(phase string) {
	if phase == b.progress.Phase && time.Since(b.reported) < reportEvery {
		return
	}
	b.reported, b.progress.Phase = time.Now(), phase
	spent := time.Since(b.began)
	if s := spent.Seconds(); s > 0 {
		b.progress.PerSecond = float64(b.progress.Events) / s
	}
	done, all := float64(b.progress.Position.Commit-b.from.Commit), float64(b.progress.Head.Commit)-float64(b.from.Commit)
	b.progress.Left = 0
	if done > 0 && all > done {
		b.progress.Left = time.Duration(float64(spent) * (all - done) / done)
	}
	p := b.progress
	b.engine.setProgress(b.view.Name, &p)
	if b.report != nil {
		b.report(p)
	}
}

func (e *Engine) setProgress(view string, p *Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p == nil {
		delete(e.progress, view)
		return
	}
	e.progress[view] = *p
}
