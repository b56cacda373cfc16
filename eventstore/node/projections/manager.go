package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

var (
	// ErrNotFound says that there is no projection of that name.
	ErrNotFound = errors.New("there is no such projection")
	// ErrExists says that the name is taken.
	ErrExists = errors.New("a projection of that name exists already")
	// ErrRunning says that a projection must be stopped first.
	ErrRunning = errors.New("the projection must be stopped first")
	// ErrSystem says that system projections cannot be changed.
	ErrSystem = errors.New("system projections cannot be created, changed or deleted")
)

// RefusedError says what is wrong with a query.
type RefusedError struct{ Reason error }

func (e *RefusedError) Error() string { return e.Reason.Error() }
func (e *RefusedError) Unwrap() error { return e.Reason }

// Mode of a projection.
type Mode string

// The modes, by their names in the protocol.
const (
	Continuous Mode = "Continuous"
	OneTime    Mode = "OneTime"
	Transient  Mode = "Transient"
)

// definition is what is stored of a projection.
type definition struct {
	Name    string `json:"name"`
	Query   string `json:"query"`
	Mode    Mode   `json:"mode"`
	Version int64  `json:"version"`
	Enabled bool   `json:"enabled"`
}

type projection struct {
	definition
	runner *runner // nil while stopped
	last   *runner // of the last run, for its state
}

const (
	definitionStream = "$projections-$all"
	definitionType   = "$ProjectionsChanged"
)

// Manager knows all projections, those of the system and those of users.
type Manager struct {
	db     *storage.DB
	logger *slog.Logger

	mu   sync.Mutex
	user map[string]*projection
}

// Open starts the projections that the log knows.
func Open(db *storage.DB, logger *slog.Logger) (*Manager, error) {
	m := &Manager{db: db, logger: logger, user: map[string]*projection{}}
	var definitions []definition
	var parse error
	err := db.ScanStream(definitionStream, math.MaxInt64, storage.Backwards, func(e *storage.Entry) bool {
		parse = json.Unmarshal(e.Record.Data, &definitions)
		return false
	})
	if errors.Is(err, storage.ErrStreamNotFound) {
		err = nil
	}
	if err = errors.Join(err, parse); err != nil {
		return nil, fmt.Errorf("read the projections: %w", err)
	}
	for _, d := range definitions {
		p := &projection{definition: d}
		if d.Enabled {
			if p.runner, err = newRunner(db, d.Query, false); err != nil {
				logger.Error("a projection does not start", "projection", d.Name, "error", err)
			}
		}
		m.user[d.Name] = p
	}
	return m, nil
}

// Close stops all projections.
func (m *Manager) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.user {
		p.halt()
	}
}

func (p *projection) halt() {
	if p.runner != nil {
		p.runner.close()
		p.last, p.runner = p.runner, nil
	}
}

func system(name string) (storage.Projection, bool) {
	i := slices.IndexFunc(storage.Projections[:], func(p storage.Projection) bool { return p.String() == name })
	if i < 0 {
		return 0, false
	}
	return storage.Projections[i], true
}

// save writes the definitions of continuous projections; others end with the process.
func (m *Manager) save(ctx context.Context) error {
	definitions := []definition{}
	for _, p := range m.user {
		if p.Mode == Continuous {
			definitions = append(definitions, p.definition)
		}
	}
	slices.SortFunc(definitions, func(a, b definition) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	data, err := json.Marshal(definitions)
	if err != nil {
		return err
	}
	return m.db.Write(ctx, &storage.Append{Stream: definitionStream, Expected: storage.Any,
		Events: []storage.Event{{ID: uuid.New(), Type: definitionType, JSON: true, Data: data}}})
}

// Create makes and starts a projection.
func (m *Manager) Create(ctx context.Context, name, query string, mode Mode) error {
	if _, isSystem := system(name); isSystem || name == "" {
		return ErrSystem
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.user[name] != nil {
		return ErrExists
	}
	r, err := newRunner(m.db, query, mode == OneTime)
	if err != nil {
		return &RefusedError{Reason: err}
	}
	m.user[name] = &projection{definition: definition{Name: name, Query: query, Mode: mode, Enabled: true}, runner: r}
	if err := m.save(ctx); err != nil {
		r.close()
		delete(m.user, name)
		return err
	}
	return nil
}

// Update replaces the query. The state is computed anew.
func (m *Manager) Update(ctx context.Context, name, query string) error {
	return m.change(ctx, name, func(p *projection) error {
		if _, err := compile(query); err != nil {
			return &RefusedError{Reason: err}
		}
		wasRunning := p.runner != nil
		p.halt()
		p.Query, p.Version = query, p.Version+1
		return m.start(p, wasRunning)
	})
}

func (m *Manager) start(p *projection, wanted bool) (err error) {
	if wanted && p.runner == nil {
		p.runner, err = newRunner(m.db, p.Query, p.Mode == OneTime)
	}
	return err
}

// change does something with a user's projection and stores its definition.
func (m *Manager) change(ctx context.Context, name string, do func(*projection) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.user[name]
	if p == nil {
		if _, isSystem := system(name); isSystem {
			return ErrSystem
		}
		return ErrNotFound
	}
	before := p.definition
	if err := do(p); err != nil {
		return err
	}
	if m.user[name] == p && p.definition == before {
		return nil
	}
	return m.save(ctx)
}

// Delete forgets a stopped projection.
func (m *Manager) Delete(ctx context.Context, name string) error {
	return m.change(ctx, name, func(p *projection) error {
		if p.runner != nil {
			return ErrRunning
		}
		delete(m.user, name)
		return nil
	})
}

// Enable starts a projection. A system projection catches up first.
func (m *Manager) Enable(ctx context.Context, name string) error {
	if p, isSystem := system(name); isSystem {
		return m.db.EnableProjection(ctx, p)
	}
	return m.change(ctx, name, func(p *projection) error {
		p.Enabled = true
		return m.start(p, true)
	})
}

// Disable stops a projection. Its state can still be read.
func (m *Manager) Disable(ctx context.Context, name string) error {
	if p, isSystem := system(name); isSystem {
		return m.db.DisableProjection(ctx, p)
	}
	return m.change(ctx, name, func(p *projection) error {
		p.Enabled = false
		p.halt()
		return nil
	})
}

// Reset computes a user's projection anew. The links of system projections are exact at all times, so that doing
// them again would change nothing.
func (m *Manager) Reset(ctx context.Context, name string) error {
	if _, isSystem := system(name); isSystem {
		return nil
	}
	return m.change(ctx, name, func(p *projection) error {
		wasRunning := p.runner != nil
		p.halt()
		p.last = nil
		return m.start(p, wasRunning)
	})
}
