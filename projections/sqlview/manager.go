package sqlview

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"avportal/projections"
)

// lookEvery is how often a portal looks for views that were added or removed.
const lookEvery = time.Second

// Manager runs the stored views of analysts within a portal, each in an engine of its own: they come and go while the portal
// runs, and none can hold up another or the portal's own.
type Manager struct {
	config projections.Config

	mu      sync.Mutex
	running map[string]*running
	wrong   map[string]string // of definitions that this build can't run
}

type running struct {
	definition Definition
	engine     *projections.Engine
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// NewManager takes the configuration of the portal's engine. Its views and policies are not run.
func NewManager(c projections.Config) *Manager {
	c.Views, c.Policies = nil, nil
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Manager{config: c, running: map[string]*running{}, wrong: map[string]string{}}
}

// Run keeps the stored views going until the context ends.
func (m *Manager) Run(ctx context.Context) {
	defer m.follow(context.WithoutCancel(ctx), nil)
	ready := false
	for ctx.Err() == nil {
		if !ready {
			ready = m.tell(migrate(ctx, m.config.DB))
		}
		if ready {
			m.look(ctx, m.config.DB)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
}

func (m *Manager) tell(err error) bool {
	if err != nil && !errors.Is(err, context.Canceled) {
		m.config.Log.Warn("analysts' views can't be read", "error", err)
	}
	return err == nil
}

func (m *Manager) look(ctx context.Context, db *pgxpool.Pool) {
	stored, err := Stored(ctx, db)
	if m.tell(err) {
		m.follow(ctx, stored)
	}
}

// follow starts and stops engines so that those run whose views are stored.
func (m *Manager) follow(ctx context.Context, stored []Definition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, r := range m.running {
		if !slices.ContainsFunc(stored, func(d Definition) bool { return reflect.DeepEqual(d, r.definition) }) {
			r.stop()
			r.done.Wait()
			delete(m.running, name)
		}
	}
	for _, d := range stored {
		if m.running[d.Name] != nil {
			continue
		}
		if err := m.start(ctx, d); err != nil {
			if m.wrong[d.Name] != err.Error() {
				m.config.Log.Error("an analyst's view can't be run", "view", d.Name, "error", err)
			}
			m.wrong[d.Name] = err.Error()
			continue
		}
		delete(m.wrong, d.Name)
	}
}

func (m *Manager) start(ctx context.Context, d Definition) error {
	v, err := Compile(d)
	if err != nil {
		return err
	}
	c := m.config
	c.Views = []projections.View{v.View}
	e, err := projections.New(c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	r := &running{definition: d, engine: e, stop: stop}
	r.done.Go(func() {
		if err := e.Run(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("an analyst's view has stopped", "view", d.Name, "error", err)
		}
	})
	m.running[d.Name] = r
	return nil
}

func (m *Manager) engines() (out []*projections.Engine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.running {
		out = append(out, r.engine)
	}
	return out
}

// Status is where the analysts' views stand that run here.
func (m *Manager) Status(ctx context.Context) (out []projections.Status, err error) {
	for _, e := range m.engines() {
		s, err := e.Status(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, s...)
	}
	slices.SortFunc(out, func(a, b projections.Status) int { return strings.Compare(a.View, b.View) })
	return out, nil
}

// Collector gives the metrics of the views that run here, under the names of those of the portal's own.
func (m *Manager) Collector() prometheus.Collector { return collector{m} }

type collector struct{ manager *Manager }

// Describe says nothing: which views there are changes.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. What is not of one view is told by the portal's own engine.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, e := range c.manager.engines() {
		inner := make(chan prometheus.Metric)
		go func() {
			e.Collector().Collect(inner)
			close(inner)
		}()
		for metric := range inner {
			if strings.Contains(metric.Desc().String(), "variableLabels: {view") {
				out <- metric
			}
		}
	}
}
