package projections

import (
	"context"
	"errors"
	"sync"
	"time"

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
	suffixSwap   = "_swap" // within the transaction of a swap
)

// build fills one generation.
type build struct {
	engine *Engine
	view   View
	*writer
	report func(Progress)
	fed    *feed              // what to fold, if somebody else reads it; nil to read the log
	ahead  *eventstore.Buffer // what to fold first, if it is being read already

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

// isShown reports whether the live tables wait for this.
func (b *build) isShown() bool { return b.gen.State == StateNext || b.gen.State == StateRenewal }

func (b *build) close() {
	if b.isShown() {
		b.engine.setProgress(b.view.Name, nil)
	}
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
	from := b.gen.Position
	var take func(context.Context) ([]eventstore.Recorded, error)
	used := func([]eventstore.Recorded) {} // what comes from a feed, others use as well
	if b.fed != nil {
		take = b.fed.take
	} else {
		ahead := b.ahead
		if b.ahead = nil; ahead == nil {
			ahead = newAhead()
			reading.Go(func() { ahead.Close(b.read(ctx, from, until, ahead)) })
		}
		take = func(ctx context.Context) ([]eventstore.Recorded, error) {
			return ahead.Take(ctx, min(buildBatch, b.engine.BuildRows), buildAhead)
		}
		used = ahead.GiveBack
	}

	last, saved := from, time.Now()
	for {
		events, err := take(ctx)
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
		used(events)
		b.tell("reading")
		if full := b.inMemory() > b.engine.BuildRows; full || time.Since(saved) > buildSave {
			if err := b.save(ctx); err != nil {
				return n, err
			}
			saved = time.Now()
		}
	}
	if last == b.gen.Position {
		return n, nil
	}
	return n, b.save(ctx)
}

func newAhead() *eventstore.Buffer { return eventstore.NewBuffer(4*buildBatch, buildAhead) }

func (b *build) save(ctx context.Context) error {
	err := b.flush(ctx, b.engine.BuildRows)
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
	if b.fed != nil || b.gen.State == StateRenewal { // nobody goes on with this
		return err
	}
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
	if b.isShown() {
		b.engine.setProgress(b.view.Name, &p)
	}
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
