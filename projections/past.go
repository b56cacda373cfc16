package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
)

// Bounds of what a portal builds for those who ask.
const (
	pastWait    = 5 * time.Second // that a question waits for its moment
	pastBuilds  = 2               // at once, of all tenants together; one of each
	pastRows    = 200_000         // of each table in memory
	pastForget  = 30 * time.Second
	pastRefresh = 10 * time.Second // how often it is noted that a moment is in use
)

// Building says that a moment is being built, and how far it has come. Ask again.
type Building struct{ Moment }

func (Building) Error() string { return "the moment is being built" }

// ErrBusy says that other moments are being built, so that this one has to wait.
var ErrBusy = errors.New("other moments of the past are being built")

// Past answers for moments: it opens those that are there and has the others built in the background, where whoever asks for the
// same waits for the same.
type Past struct {
	engine  *Engine
	readers *pgxpool.Pool
	ctx     context.Context //nolint:containedctx // of the builds, which outlive those who ask
	working sync.WaitGroup

	mu     sync.Mutex
	builds map[string]*pastBuild
}

type pastBuild struct {
	tenant domain.Tenant
	done   chan struct{}
	err    error
	ended  time.Time // zero: it goes on
}

// NewPast serves moments of the views of a configuration. Builds end with the context; Wait waits for that. readers is as
// OpenMoment needs it.
func NewPast(ctx context.Context, c Config, readers *pgxpool.Pool) (*Past, error) {
	c.Policies, c.BuildRows = nil, pastRows
	e, err := New(c)
	return &Past{engine: e, readers: readers, ctx: ctx, builds: map[string]*pastBuild{}}, err
}

// Wait waits for the end of builds whose context has ended.
func (p *Past) Wait() { p.working.Wait() }

// Open opens a moment of a tenant. It waits a little for one that is being built; then the error is Building. It is ErrFuture for one
// that has not come, and ErrBusy if it can't be built just now.
func (p *Past) Open(ctx context.Context, w When, tenant domain.Tenant) (*Reading, error) {
	name := momentName(w, tenant, p.engine.Views)
	patience := time.NewTimer(pastWait)
	defer patience.Stop()
	for {
		r, err := OpenMoment(ctx, p.readers, name)
		if err == nil && time.Since(r.Used) > pastRefresh {
			if _, _, err = p.engine.useMoment(ctx, name); err != nil {
				r.Close()
			}
		}
		if !errors.Is(err, ErrNoSuchMoment) {
			return r, err
		}
		if err := p.engine.isPast(ctx, w); err != nil {
			return nil, err
		}
		b, err := p.build(name, w, tenant)
		if err != nil {
			return nil, err
		}
		select {
		case <-b.done:
			if b.err != nil {
				return nil, b.err
			}
		case <-patience.C:
			m, _, err := findMoment(ctx, p.engine.DB, name)
			if err != nil {
				return nil, err
			}
			return nil, Building{m}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Begin has a moment built if it is not there, and answers it as far as it has come.
func (p *Past) Begin(ctx context.Context, w When, tenant domain.Tenant) (Moment, error) {
	if err := p.engine.isPast(ctx, w); err != nil {
		return Moment{}, err
	}
	name := momentName(w, tenant, p.engine.Views)
	if m, ok, err := p.engine.useMoment(ctx, name); ok || err != nil {
		return m, err
	}
	b, err := p.build(name, w, tenant)
	if err != nil {
		return Moment{}, err
	}
	select {
	case <-b.done:
		if b.err != nil {
			return Moment{}, b.err
		}
	default:
	}
	m, ok, err := findMoment(ctx, p.engine.DB, name)
	if !ok { // it begins in a moment
		m = Moment{Name: name, At: w.Time, Tenant: tenant, Position: w.Position}
	}
	return m, err
}

// build begins to build a moment, unless it is being built already. One that failed is not tried again at once.
func (p *Past) build(name string, w When, tenant domain.Tenant) (*pastBuild, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	running, ofTenant := 0, 0
	for other, b := range p.builds {
		switch {
		case b.ended.IsZero():
			if running++; b.tenant == tenant {
				ofTenant++
			}
		case b.err == nil || time.Since(b.ended) > pastForget:
			delete(p.builds, other)
		}
	}
	if b := p.builds[name]; b != nil {
		return b, nil
	}
	if running >= pastBuilds || ofTenant > 0 {
		return nil, ErrBusy
	}
	b := &pastBuild{tenant: tenant, done: make(chan struct{})}
	p.builds[name] = b
	p.working.Go(func() {
		err := p.run(w, tenant)
		p.mu.Lock()
		defer p.mu.Unlock()
		b.err, b.ended = err, time.Now()
		close(b.done)
	})
	return b, nil
}

func (p *Past) run(w When, tenant domain.Tenant) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("views as of %s: panic: %v", w, v)
		}
		if err != nil && p.ctx.Err() == nil {
			p.engine.Log.Error("a moment of the past can't be built", "moment", w.String(), "tenant", tenant, "error", err)
		}
	}()
	began := time.Now()
	m, err := p.engine.buildAsOf(p.ctx, w, tenant, nil, nil)
	if err == nil {
		p.engine.Log.Info("built a moment of the past", "moment", w.String(), "tenant", tenant, "events", m.Events, "bytes", m.Bytes, "took", time.Since(began))
	}
	return err
}
