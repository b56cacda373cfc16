package projections

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"avportal/eventstore"
)

// Status is where one view stands, for health pages and scripts.
type Status struct {
	View     string
	Version  int // of the live generation; 0 if there is none
	Position eventstore.Position
	Head     eventstore.Position // of the log, as seen last
	Behind   time.Duration       // how long ago the first head was seen that the view has not reached; 0 if it is up to date
	Halted   *Halt               // nil unless it stands before an event that it can't apply
	Building *Progress           // nil unless this process builds a generation of it
	Here     bool                // this process's projector is the one that writes
	Paused   bool                // an operator has told it to stand still

	// Events have been read into the live tables: each was applied, or passed by since an operator had quarantined it.
	Events, Applied, Quarantined int64

	Previous *Generation // that Rollback goes back to; nil if there is none
	Verified time.Time   // when the live tables were last compared with a rebuild; zero if they never were
	Differs  string      // what that found; empty if nothing
}

// Ready reports whether the view can be read and is not standing still.
func (s Status) Ready() bool { return s.Version > 0 && s.Halted == nil }

// The states of views and policies.
const (
	StandsUpToDate = "up_to_date"
	StandsBehind   = "behind"
	StandsPaused   = "paused"
	StandsHalted   = "halted"
	StandsNotBuilt = "not_built"
)

// State sums up where the view stands.
func (s Status) State() string {
	switch {
	case s.Halted != nil:
		return StandsHalted
	case s.Version == 0:
		return StandsNotBuilt
	case s.Paused:
		return StandsPaused
	case s.Position.Compare(s.Head) < 0:
		return StandsBehind
	}
	return StandsUpToDate
}

// Status reads where all views of the configuration stand, now.
func (e *Engine) Status(ctx context.Context) ([]Status, error) {
	generations, err := Generations(ctx, e.DB)
	if err != nil {
		return nil, err
	}
	paused, err := pausedViews(ctx, e.DB)
	if err != nil {
		return nil, err
	}
	head := e.seeHead(ctx)
	out := make([]Status, 0, len(e.Views))
	for _, v := range e.Views {
		s := Status{View: v.Name, Head: head, Paused: paused[v.Name]}
		for _, g := range generations {
			if g.View == v.Name {
				s.add(g)
			}
		}
		s.Behind = e.lag.behind(s.Position, time.Now())
		if p, ok := e.consumers[v.Name].(*projector); ok {
			s.Here = p.working()
		}
		e.mu.Lock()
		if p, ok := e.progress[v.Name]; ok {
			s.Building = &p
		}
		e.mu.Unlock()
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.View, b.View) })
	return out, nil
}

// seeHead is where the log ends, or where it was last seen to end.
func (e *Engine) seeHead(ctx context.Context) eventstore.Position {
	now, err := e.Store.Head(ctx)
	if err != nil {
		return e.lag.head()
	}
	e.lag.saw(now, time.Now())
	return now
}

func (s *Status) add(g Generation) {
	switch g.State {
	case StateLive:
		s.Version, s.Position, s.Events, s.Applied, s.Quarantined = g.Version, g.Position, g.Events, g.Applied, g.Quarantined
		s.Verified, s.Differs = g.Verified, g.Differs
		if g.Halted != nil {
			s.Halted = g.Halted
		}
	case StateNext:
		if s.Halted == nil {
			s.Halted = g.Halted
		}
	case StatePrev:
		s.Previous = &g
	}
}

// working must not wait for a batch that is being written.
func (p *projector) working() bool { return p.active.Load() }

// lagMeter remembers when it saw the log grow. Positions are not countable, so lag is told in seconds: since when there has
// been something that a view has not reached.
type lagMeter struct {
	mu    sync.Mutex
	heads []seenHead // growing
}

type seenHead struct {
	at   eventstore.Position
	when time.Time
}

const maxHeads = 4096

func (l *lagMeter) saw(head eventstore.Position, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.heads); n > 0 && head.Compare(l.heads[n-1].at) <= 0 {
		return
	}
	if len(l.heads) == maxHeads { // a long standstill: every other is enough
		kept := l.heads[:0]
		for i := 0; i < maxHeads; i += 2 {
			kept = append(kept, l.heads[i])
		}
		l.heads = kept
	}
	l.heads = append(l.heads, seenHead{head, now})
}

func (l *lagMeter) head() eventstore.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.heads) == 0 {
		return eventstore.Position{}
	}
	return l.heads[len(l.heads)-1].at
}

func (l *lagMeter) behind(at eventstore.Position, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.heads, func(h seenHead) bool { return h.at.Compare(at) > 0 })
	if i < 0 {
		return 0
	}
	return now.Sub(l.heads[i].when)
}
