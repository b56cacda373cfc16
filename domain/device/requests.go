package device

import (
	"slices"
	"time"

	"avportal/domain"
)

// RequestID names something that a device was asked to do.
type RequestID string

// RequestKind is what a device can be asked to do.
type RequestKind string

// The kinds there are.
const (
	Scan   RequestKind = "scan"
	Update RequestKind = "update" // fetch signatures now

	ApplyProfile RequestKind = "apply_profile" // take on the settings of a configuration profile

	FetchLog RequestKind = "log" // send what it and its engine have written
)

// Bounds of requests.
const (
	MaxPending      = 20             // unfinished requests of one device
	RequestLifetime = 48 * time.Hour // of one that the device does not start, and of one that it does not finish
	MaxDetail       = 1024           // bytes of what a client says of the outcome
)

// Refusals that concern requests.
var (
	ErrUnknownRequest  = &domain.Error{Class: domain.NotFound, Code: "unknown_command", Message: "The device has no such request."}
	ErrRequestFinished = &domain.Error{Class: domain.Conflict, Code: "command_finished", Message: "The request has been completed or aborted already."}
	ErrTooManyRequests = &domain.Error{Class: domain.Conflict, Code: "too_many_requests", Message: "The device has 20 unfinished requests. Wait, or cancel some."}
)

// Pending is a request that has not ended.
type Pending struct {
	ID          RequestID
	Kind        RequestKind
	Profile     ScanProfile // of a scan
	Name        string      // of a scan with ProfileOwn
	Paths       []string    // of a scan with ProfilePath or ProfileOwn; not to be changed
	RequestedAt time.Time
	ExpiresAt   time.Time // unless started before
	State       RequestState

	Configuration Configuration // of ApplyProfile

	phase     phase
	startedAt time.Time
}

type phase uint8

const (
	queued phase = iota
	sent
	started
)

// Pending lists what has not ended, oldest first, each with its state.
func (s State) Pending() []Pending {
	list := slices.Clone(s.requests())
	for i := range list {
		list[i].State = stateOf(list[i].phase, i == 0)
	}
	return list
}

func (s State) requests() []Pending {
	c := s.current()
	if c == nil {
		return nil
	}
	return c.requests
}

// request finds an unfinished request, or says why it is not there.
func (s State) request(id RequestID) (Pending, error) {
	for _, p := range s.requests() {
		if p.ID == id {
			return p, nil
		}
	}
	if s.isOver(string(id)) {
		return Pending{}, ErrRequestFinished
	}
	return Pending{}, ErrUnknownRequest
}

// admit decides on one more request. Asking again for what already waits to be started is already so; asking for what
// is running is not, since the running one may have passed by what has changed.
func (s State) admit(p Pending, requested domain.Event) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/request", string(p.ID)); err != nil {
		return nil, err
	}
	for i, other := range s.requests() {
		same := other.Asks(p)
		switch {
		case other.ID == p.ID && !same:
			return nil, domain.ErrExists
		case same && (other.ID == p.ID || other.phase != started && !s.overtaken(i)):
			return nil, nil
		}
	}
	switch {
	case s.isOver(string(p.ID)):
		return nil, ErrRequestFinished
	case len(s.requests()) >= MaxPending:
		return nil, ErrTooManyRequests
	}
	return []domain.Event{requested}, nil
}

// Asks reports whether two requests ask for the same.
func (p Pending) Asks(o Pending) bool {
	return p.Kind == o.Kind && p.Profile == o.Profile && p.Name == o.Name && slices.Equal(p.Paths, o.Paths) && p.Configuration == o.Configuration
}

// The methods below change a copy; the slices of the original are left alone.

func (c *current) requested(p Pending) *current {
	c.requests = append(slices.Clip(c.requests), p)
	return c
}

func (c *current) changed(id RequestID, change func(*Pending)) *current {
	c.requests = slices.Clone(c.requests)
	for i := range c.requests {
		if c.requests[i].ID == id {
			change(&c.requests[i])
		}
	}
	return c
}

func (c *current) finished(id RequestID) *current {
	c.requests = without(c.requests, func(p Pending) bool { return p.ID == id })
	return c.past(string(id))
}
