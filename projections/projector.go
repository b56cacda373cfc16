package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"avportal/eventstore"
)

// projector moves one generation of one view: the live one, or the previous one as long as that is kept.
type projector struct {
	engine *Engine
	view   View
	schema string

	mu      sync.Mutex
	writer  *writer // nil while another portal works, and after an error
	release func()
	active  atomic.Bool
}

// checkpoint makes this projector the one that writes, and answers where it has to go on.
func (p *projector) checkpoint(ctx context.Context) (eventstore.Position, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writer != nil {
		if err := p.writer.land(ctx); err != nil {
			p.engine.Log.Warn("what was applied last is applied again", "view", p.view.Name, "cause", err)
		}
		p.writer.giveUp()
	}
	if p.inPlace(ctx) {
		var err error // an operator may have decided about the event that was at fault
		if p.writer.quarantine, err = readQuarantine(ctx, p.engine.Store, p.view.Name); err == nil {
			return p.writer.gen.Position, nil
		}
	}
	p.standDown()
	if err := p.awaitTurn(ctx); err != nil {
		return eventstore.Position{}, err
	}
	w, release, err := p.engine.enter(ctx, p.view, p.schema)
	if err != nil {
		return eventstore.Position{}, err
	}
	w.moved = p.moved
	p.writer, p.release = w, release
	p.active.Store(true)
	if err := p.mayGoOn(ctx, w); err != nil {
		p.standDown()
		return eventstore.Position{}, err
	}
	if p.isLive() {
		if err := p.renew(ctx); err != nil {
			p.standDown()
			return eventstore.Position{}, err
		}
	}
	at := p.writer.gen.Position
	p.engine.Log.Info("projecting", "view", p.view.Name, "schema", p.schema, "position", at.String())
	return at, nil
}

// renew renews the live tables as often as they are far behind.
func (p *projector) renew(ctx context.Context) error {
	for {
		renewed, err := p.engine.renewIfFarBehind(ctx, p.view, p.writer)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrFenced):
			return err
		case err != nil:
			p.engine.Log.Warn("the tables can't be renewed, and the view goes on batch by batch", "view", p.view.Name, "cause", err)
			return nil
		case !renewed:
			return nil
		}
		w, err := p.engine.open(ctx, p.writer.session, p.view, p.schema)
		if err != nil {
			return err
		}
		w.moved = p.moved
		p.writer = w
	}
}

// inPlace reports whether this projector can just go on: it was the event that was at fault, not the connection.
func (p *projector) inPlace(ctx context.Context) bool {
	w := p.writer
	if w == nil || w.closed() {
		return false
	}
	g, ok, err := find(ctx, w.conn, p.schema)
	return err == nil && ok && g.ID == w.gen.ID && g.Epoch == w.gen.Epoch && g.Position == w.gen.Position
}

// awaitTurn waits until the view is not paused, and until there is what this projector moves.
func (p *projector) awaitTurn(ctx context.Context) error {
	for {
		paused, err := isPaused(ctx, p.engine.DB, p.view.Name)
		if err != nil {
			return err
		}
		if !paused {
			break
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return err
		}
	}
	if p.isLive() {
		return p.engine.ensure(ctx, p.view)
	}
	return p.engine.awaitPrevious(ctx, p.view)
}

func (p *projector) isLive() bool { return p.schema == p.view.Name }

// mayGoOn looks, now that nobody else moves the generation, whether the view was paused since, whether it can be gone on with,
// and whether the previous one is still of this build's version.
func (p *projector) mayGoOn(ctx context.Context, w *writer) error {
	if paused, err := isPaused(ctx, w.conn, p.view.Name); paused || err != nil {
		return errors.Join(err, ErrFenced)
	}
	if w.gen.Version != p.view.Version || w.gen.Fingerprint != p.view.fingerprint() {
		return fmt.Errorf("%s has become another version: %w", p.schema, ErrFenced)
	}
	err := p.engine.trusted(ctx, w.conn, w.gen)
	if errors.Is(err, ErrAhead) || errors.Is(err, ErrQuarantinedLate) {
		p.engine.haltView(ctx, w.gen, &EventError{View: p.schema, Err: err, Position: w.gen.Position})
	}
	return err
}

// enter takes the lease of a generation and opens it for writing.
func (e *Engine) enter(ctx context.Context, v View, schema string) (*writer, func(), error) {
	return e.enterAs(ctx, v, schema, e.owner)
}

func (e *Engine) enterAs(ctx context.Context, v View, schema, owner string) (*writer, func(), error) {
	s, release, err := e.hold(ctx, schema, owner)
	if err != nil {
		return nil, nil, err
	}
	w, err := e.open(ctx, s, v, schema)
	if err != nil {
		err = errors.Join(err, s.close())
		release()
		return nil, nil, err
	}
	return w, release, nil
}

// hold takes a lease, with a connection that stands for it, and keeps it until release.
func (e *Engine) hold(ctx context.Context, name, owner string) (*session, func(), error) {
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return nil, nil, err
	}
	l := lease{name: name, owner: owner, db: e.DB}
	if err := l.await(ctx, s); err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, l.beat(ctx), nil
}

// open makes a connection the one that writes to a generation.
func (e *Engine) open(ctx context.Context, s *session, v View, schema string) (*writer, error) {
	if _, err := s.conn.Exec(ctx, `UPDATE portal.generation SET epoch = epoch + 1 WHERE schema = $1`, schema); err != nil {
		return nil, err
	}
	g, ok, err := find(ctx, s.conn, schema)
	if err == nil && !ok {
		err = fmt.Errorf("there is no generation %s", schema)
	}
	if err != nil {
		return nil, err
	}
	w, err := newWriter(ctx, e.DB, s, v, g)
	if err == nil {
		w.quarantine, err = readQuarantine(ctx, e.Store, v.Name)
	}
	if err != nil {
		return nil, err
	}
	if g.Position.IsZero() {
		w.startEmpty()
	}
	return w, nil
}

func (p *projector) standDown() {
	if p.writer == nil {
		return
	}
	if !p.writer.closed() {
		_ = p.writer.close()
	}
	p.release()
	p.writer, p.release = nil, nil
	p.active.Store(false)
}

func (p *projector) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.standDown()
}

// apply writes a batch and its position in one transaction. Events at or before the view's position are left out, so a
// batch may come again, as a whole or in part.
func (p *projector) apply(ctx context.Context, b eventstore.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.writer
	if w == nil || w.closed() {
		return fmt.Errorf("view %s: %w", p.view.Name, ErrFenced)
	}
	at := w.position()
	if b.After.Compare(at) > 0 {
		return fmt.Errorf("view %s is at %s, the batch follows %s: %w", p.view.Name, at, b.After, ErrGap)
	}
	first := slices.IndexFunc(b.Events, func(r eventstore.Recorded) bool { return r.Position.Compare(at) > 0 })
	if first < 0 {
		return nil
	}
	return p.write(ctx, w, b.Events[first:], b.More)
}

func (p *projector) write(ctx context.Context, w *writer, events []eventstore.Recorded, more bool) error {
	start := time.Now()
	err := w.apply(ctx, events, more)
	poison := poisonIn(err, events)
	if poison != nil && poison.index > 0 { // what stands before it can be applied
		events = events[:poison.index]
		if err := w.apply(ctx, events, false); err != nil {
			return fmt.Errorf("view %s: %w", p.view.Name, err)
		}
	}
	if p.isLive() && (err == nil || poison != nil && poison.index > 0) {
		p.engine.metrics.applied(p.view.Name, len(events), time.Since(start))
		if w.flight == nil && w.pending.events == 0 {
			p.moved()
		}
	}
	if p.isLive() && errors.Is(err, ErrFenced) {
		p.engine.metrics.fenced.WithLabelValues(p.view.Name).Inc()
	}
	if poison != nil {
		poison.View = p.schema
		p.engine.haltView(ctx, w.gen, poison)
		return poison
	}
	if err != nil {
		return fmt.Errorf("view %s: %w", p.view.Name, err)
	}
	return nil
}

// moved tells those who wait for the view, once it has moved.
func (p *projector) moved() {
	if p.isLive() {
		p.engine.signals.moved(p.view.Name)
	}
}

// poisonIn finds the event that can't be applied, if that is what an error says. Where Postgres refused a batch, the
// event is known only if it was alone: the batch comes again, event by event.
func poisonIn(err error, events []eventstore.Recorded) *EventError {
	var poison *EventError
	var again againError
	switch {
	case errors.As(err, &again): // it lies before these events, or those before are not written
		return nil
	case errors.As(err, &poison):
		return poison
	case err != nil && len(events) == 1 && refused(err):
		return newEventError(0, events[0], err)
	}
	return nil
}

// haltView notes in the catalog why a view stands. The next batch that is written clears it.
func (e *Engine) haltView(ctx context.Context, g Generation, poison *EventError) {
	e.halt(ctx, `portal.generation SET error = $2, error_type = $3, error_at = $4, error_id = $5, error_since = COALESCE(error_since, now())
		WHERE id = $1`, g.ID, poison)
}

func (e *Engine) halt(ctx context.Context, update string, id any, poison *EventError) {
	e.Log.Error("halted before an event", "view", poison.View, "event", poison.ID, "type", poison.Type, "position", poison.Position.String(), "error", poison.Err)
	_, err := e.DB.Exec(ctx, `UPDATE `+update, id, poison.Err.Error(), poison.Type, poison.Position.String(), poison.ID)
	if err != nil {
		e.Log.Error("the halt can't be noted", "view", poison.View, "error", err)
	}
}
