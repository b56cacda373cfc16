package projections

import (
	"sort"

	"avportal/eventstore/node/storage"
)

// Status of one projection.
type Status struct {
	Name     string
	Mode     Mode
	Version  int64
	State    string // Running, Stopped, Faulted, or Completed (of one that runs once)
	Reason   string // of a fault
	Position uint64
	Progress float32 // per cent
	Events   int64   // since it was started
}

// List returns the status of all projections, or of those of one mode.
func (m *Manager) List(mode Mode) ([]Status, error) {
	var all []Status
	if mode == "" || mode == Continuous {
		for _, p := range storage.Projections {
			s, err := m.systemStatus(p)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var user []Status
	for _, p := range m.user {
		if mode == "" || mode == p.Mode {
			user = append(user, p.status(m.db.Last()))
		}
	}
	sort.Slice(user, func(i, j int) bool { return user[i].Name < user[j].Name })
	return append(all, user...), nil
}

// Status returns the status of one projection.
func (m *Manager) Status(name string) (Status, error) {
	if p, isSystem := system(name); isSystem {
		return m.systemStatus(p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.user[name]; p != nil {
		return p.status(m.db.Last()), nil
	}
	return Status{}, ErrNotFound
}

func (m *Manager) systemStatus(p storage.Projection) (Status, error) {
	s, err := m.db.ProjectionStatus(p)
	if err != nil {
		return Status{}, err
	}
	status := Status{Name: p.String(), Mode: Continuous, State: "Stopped", Position: s.Position, Progress: progress(s.Position, m.db.Last())}
	if s.Running || s.CatchingUp {
		status.State = "Running"
	}
	return status, nil
}

func progress(position, last uint64) float32 {
	if position >= last {
		return 100
	}
	return float32(position) / float32(last) * 100
}

func (p *projection) status(last uint64) Status {
	s := Status{Name: p.Name, Mode: p.Mode, Version: p.Version, State: "Stopped"}
	r := p.runner
	if r == nil {
		r = p.last
	}
	if r == nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Position, s.Events, s.Progress = r.position, r.events, progress(r.position, last)
	switch {
	case r.fault != nil:
		s.State, s.Reason = "Faulted", r.fault.Error()
	case r.finished:
		s.State = "Completed/Stopped"
	case p.runner != nil:
		s.State = "Running"
	}
	return s
}

// State is the JSON of the state of a user's projection.
func (m *Manager) State(name string) ([]byte, error) {
	return m.shown(name, func(r *runner) []byte { return r.state })
}

// Result is the JSON of the state after its transformations.
func (m *Manager) Result(name string) ([]byte, error) {
	return m.shown(name, func(r *runner) []byte { return r.result })
}

func (m *Manager) shown(name string, of func(*runner) []byte) ([]byte, error) {
	if _, isSystem := system(name); isSystem {
		return []byte("{}"), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.user[name]
	if p == nil {
		return nil, ErrNotFound
	}
	r := p.runner
	if r == nil {
		r = p.last
	}
	if r == nil {
		return []byte("{}"), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return of(r), nil
}
