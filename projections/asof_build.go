package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/eventstore"
)

// momentBuild builds the views of a moment side by side, from one reading of the log.
type momentBuild struct {
	engine *Engine
	name   string
	when   When
	tenant domain.Tenant
	views  []View
	report func(Progress)

	first, last eventstore.Recorded
	events      int64
	told        time.Time
}

func (m *momentBuild) run(ctx context.Context) error {
	e := m.engine
	if err := e.DropAsOf(ctx, m.name); err != nil { // what a builder has left that died
		return err
	}
	if err := e.makeRoom(ctx, m.name, m.tenant, 0); err != nil {
		return err
	}
	if _, err := e.DB.Exec(ctx, `INSERT INTO portal.as_of (name, at, tenant) VALUES ($1, $2, $3)`, m.name, m.when.Time, string(m.tenant)); err != nil {
		return err
	}
	m.told = time.Now()
	history, stop := m.read(ctx)
	defer stop()
	builds := make([]*build, 0, len(m.views))
	for _, v := range m.views {
		b, release, err := m.open(ctx, v)
		if err != nil {
			return err
		}
		defer release()
		defer b.close()
		builds = append(builds, b)
	}
	if err := m.fill(ctx, history, builds); err != nil {
		return err
	}
	return m.finish(ctx)
}

// read begins to read the history, so that this goes on while tables are made.
func (m *momentBuild) read(ctx context.Context) (ahead *eventstore.Buffer, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ahead = eventstore.NewBuffer(math.MaxInt, buildAhead)
	var reading sync.WaitGroup
	reading.Go(func() {
		for r, err := range m.engine.history(ctx, m.when, m.tenant) {
			if err == nil {
				err = ahead.Put(ctx, r)
			}
			if err != nil {
				ahead.Close(err)
				return
			}
		}
		ahead.Close(nil)
	})
	return ahead, func() {
		cancel()
		reading.Wait()
	}
}

func (m *momentBuild) open(ctx context.Context, v View) (*build, func(), error) {
	e, schema := m.engine, m.name+"_"+v.Name
	if err := create(ctx, e.DB, v, schema, StateAsOf); err != nil {
		return nil, nil, err
	}
	if _, err := e.DB.Exec(ctx, `UPDATE portal.generation SET as_of = $2 WHERE schema = $1`, schema, m.name); err != nil {
		return nil, nil, err
	}
	w, release, err := e.enterAs(ctx, v, schema, uuid.NewString())
	if err != nil {
		return nil, nil, err
	}
	b := e.newBuild(v, w, m.report)
	b.fed = &feed{batches: make(chan []eventstore.Recorded, 2)}
	return b, release, nil
}

// fill takes the history once for all builds, which fold side by side.
func (m *momentBuild) fill(ctx context.Context, history *eventstore.Buffer, builds []*build) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(builds)+1)
	var working sync.WaitGroup
	for i, b := range builds {
		working.Go(func() {
			if errs[i] = b.fillMoment(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	errs[len(builds)] = m.feedAll(ctx, history, builds)
	for _, b := range builds {
		b.fed.close(errs[len(builds)])
	}
	working.Wait()
	for _, err := range errs { // the first that is not only the echo of another
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// feedAll hands each batch to all builds; none may change what is in it.
func (m *momentBuild) feedAll(ctx context.Context, history *eventstore.Buffer, builds []*build) error {
	for {
		events, err := history.Take(ctx, buildBatch, buildAhead)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, b := range builds {
			if err := b.fed.put(ctx, events); err != nil {
				return err
			}
		}
		if err := m.tell(ctx, events); err != nil {
			return err
		}
	}
}

// tell notes how far the history has been read, not too often.
func (m *momentBuild) tell(ctx context.Context, events []eventstore.Recorded) error {
	if m.events == 0 {
		m.first = events[0]
	}
	m.last, m.events = events[len(events)-1], m.events+int64(len(events))
	if time.Since(m.told) < reportEvery {
		return nil
	}
	m.told = time.Now()
	_, err := m.engine.DB.Exec(ctx, `UPDATE portal.as_of SET events = $2, share = $3 WHERE name = $1`, m.name, m.events, m.when.share(m.first, m.last))
	return err
}

func (b *build) fillMoment(ctx context.Context) error {
	if _, err := b.fill(ctx, eventstore.Position{}); err != nil {
		return err
	}
	b.tell("indexing")
	if err := b.index(ctx); err != nil {
		return err
	}
	if b.view.Moment != "" {
		err := pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error { return execIn(ctx, tx, b.gen.Schema, b.view.Moment) })
		if err != nil {
			return fmt.Errorf("view %s, what the log does not tell: %w", b.view.Name, err)
		}
	}
	b.tell("done")
	return nil
}

// finish makes the moment known, unless it is too large.
func (m *momentBuild) finish(ctx context.Context) error {
	e := m.engine
	var bytes int64
	err := e.DB.QueryRow(ctx, `SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN portal.generation g
		ON c.relnamespace = to_regnamespace(g.schema) WHERE g.as_of = $1 AND c.relkind = 'r'`, m.name).Scan(&bytes)
	if err == nil && bytes > e.AsOf.MaxBytes {
		err = fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, bytes, e.AsOf.MaxBytes)
	}
	if err == nil {
		err = e.makeRoom(ctx, m.name, m.tenant, bytes)
	}
	at := m.when.Time
	if err == nil && at.IsZero() {
		at, err = e.reached(ctx, m.when.Position, m.last)
	}
	if err == nil {
		_, err = e.DB.Exec(ctx, `UPDATE portal.as_of SET ready = true, used = now(), bytes = $2, commit = $3, prepare = $4, events = $5, share = 1,
			at = $6 WHERE name = $1`, m.name, bytes, int64(m.last.Position.Commit), int64(m.last.Position.Prepare), m.events, at) //nolint:gosec // below 2^63, as the generations were written
	}
	return err
}
