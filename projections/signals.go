package projections

import "sync"

// Signals tell within one process that a view has moved. They are a hint to look, not a promise: another process may move
// the view too.
type Signals struct {
	mu    sync.Mutex
	views map[string]chan struct{}
}

func newSignals() *Signals { return &Signals{views: map[string]chan struct{}{}} }

// Changed is closed when the view moves next. Ask for it before looking at the view, or a move may be missed.
func (s *Signals) Changed(view string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.views[view]
	if c == nil {
		c = make(chan struct{})
		s.views[view] = c
	}
	return c
}

func (s *Signals) moved(view string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.views[view]; c != nil {
		close(c)
		delete(s.views, view)
	}
}
