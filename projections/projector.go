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

// projector moves the live generation of one view.
type projector struct {
	engine *Engine
	view   View

	mu      sync.Mutex
	writer  *writer // nil while another portal works, and after an error
	release func()
	active  atomic.Bool
}

// checkpoint makes this projector the one that writes, and answers where it has to go on.
func (p *projector) checkpoint(ctx context.Context) (eventstore.Position, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := p.writer; w != nil && !w.conn.IsClosed() { // it was the event that was at fault, not the connection
		if g, ok, err := find(ctx, w.conn, p.view.Name); err == nil && ok && g.ID == w.gen.ID && g.Epoch == w.gen.Epoch && g.Position == w.gen.Position {
			return g.Position, nil
		}
	}
	p.standDown()
	if err := p.engine.ensure(ctx, p.view); err != nil {
		return eventstore.Position{}, err
	}
	w, release, err := p.engine.enter(ctx, p.view, p.view.Name)
	if err != nil {
		return eventstore.Position{}, err
	}
	p.writer, p.release = w, release
	p.active.Store(true)
	if err := p.notAhead(ctx, w.gen); err != nil {
		p.standDown()
		return eventstore.Position{}, err
	}
	p.engine.Log.Info("projecting", "view", p.view.Name, "position", w.gen.Position.String())
	return w.gen.Position, nil
}

// notAhead refuses to go on from a position that the log has not reached: it was restored from an older copy, and new
// events would come to stand where the view has seen others.
func (p *projector) notAhead(ctx context.Context, g Generation) error {
	head, err := p.engine.Store.Head(ctx)
	if err != nil || g.Position.Compare(head) <= 0 {
		return err
	}
	err = fmt.Errorf("%w: view %s is at %s, the log at %s", ErrAhead, p.view.Name, g.Position, head)
	p.engine.haltView(ctx, g, &EventError{View: p.view.Name, Err: err, Position: g.Position})
	return err
}

// enter takes the lease of a generation and opens it for writing.
func (e *Engine) enter(ctx context.Context, v View, schema string) (*writer, func(), error) {
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return nil, nil, err
	}
	l := lease{name: schema, owner: e.owner, db: e.DB}
	if err := l.await(ctx, s); err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beating sync.WaitGroup
	beating.Go(func() { l.keep(keeping) })
	release := func() {
		stop()
		beating.Wait()
		l.release()
	}
	fail := func(err error) (*writer, func(), error) {
		err = errors.Join(err, s.close())
		release()
		return nil, nil, err
	}
	if _, err := s.conn.Exec(ctx, `UPDATE portal.generation SET epoch = epoch + 1 WHERE schema = $1`, schema); err != nil {
		return fail(err)
	}
	g, ok, err := find(ctx, s.conn, schema)
	if err == nil && !ok {
		err = fmt.Errorf("there is no generation %s", schema)
	}
	if err != nil {
		return fail(err)
	}
	w, err := newWriter(ctx, s, v, g)
	if err != nil {
		return fail(err)
	}
	if g.Position.IsZero() {
		w.startEmpty()
	}
	return w, release, nil
}

func (p *projector) standDown() {
	if p.writer == nil {
		return
	}
	if !p.writer.conn.IsClosed() {
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
	if w == nil || w.conn.IsClosed() {
		return fmt.Errorf("view %s: %w", p.view.Name, ErrFenced)
	}
	at := w.gen.Position
	if b.After.Compare(at) > 0 {
		return fmt.Errorf("view %s is at %s, the batch follows %s: %w", p.view.Name, at, b.After, ErrGap)
	}
	first := slices.IndexFunc(b.Events, func(r eventstore.Recorded) bool { return r.Position.Compare(at) > 0 })
	if first < 0 {
		return nil
	}
	return p.write(ctx, w, b.Events[first:])
}

func (p *projector) write(ctx context.Context, w *writer, events []eventstore.Recorded) error {
	start := time.Now()
	err := w.apply(ctx, events)
	poison := poisonIn(err, events)
	if poison != nil && poison.index > 0 { // what stands before it can be applied
		events = events[:poison.index]
		if err := w.apply(ctx, events); err != nil {
			return fmt.Errorf("view %s: %w", p.view.Name, err)
		}
	}
	if err == nil || poison != nil && poison.index > 0 {
		p.engine.metrics.applied(p.view.Name, len(events), time.Since(start))
		p.engine.signals.moved(p.view.Name)
	}
	if errors.Is(err, ErrFenced) {
		p.engine.metrics.fenced.WithLabelValues(p.view.Name).Inc()
	}
	if poison != nil {
		poison.View = p.view.Name
		p.engine.haltView(ctx, w.gen, poison)
		return poison
	}
	if err != nil {
		return fmt.Errorf("view %s: %w", p.view.Name, err)
	}
	return nil
}

// poisonIn finds the event that can't be applied, if that is what an error says. Where Postgres refused a batch, the
// event is known only if it was alone: the batch comes again, event by event.
func poisonIn(err error, events []eventstore.Recorded) *EventError {
	var poison *EventError
	switch {
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
