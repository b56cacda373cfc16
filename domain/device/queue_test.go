package device

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
)

// queue is the plain model: what was asked, in order, and how far each is.
type queue struct {
	state   State
	history []domain.Event
	asked   []*asked
	now     time.Time
}

type asked struct {
	id              RequestID
	kind            RequestKind
	state           RequestState
	expires, begun  time.Time
	hasBeenReceived bool
}

func (q *queue) do(t *rapid.T, c domain.Command[State], want error) (changed bool) {
	events, err := c.Decide(q.state)
	if !errors.Is(err, want) {
		t.Fatalf("%+v: %v, want %v", c, err, want)
	}
	for _, e := range events {
		q.state = q.state.Evolve(e)
		q.history = append(q.history, e)
	}
	return len(events) > 0
}

func (q *queue) pending() (list []*asked) {
	for _, a := range q.asked {
		if a.state != Completed && a.state != Aborted {
			list = append(list, a)
		}
	}
	return list
}

func (q *queue) one(t *rapid.T) (*asked, error) {
	if len(q.asked) == 0 {
		t.Skip("nothing was asked")
	}
	a := rapid.SampledFrom(q.asked).Draw(t, "request")
	if a.state == Completed || a.state == Aborted {
		return a, ErrRequestFinished
	}
	return a, nil
}

func (q *queue) ask(t *rapid.T, kind RequestKind) {
	if len(q.asked) == maxOver {
		t.Skip("more than a device remembers")
	}
	id := RequestID(fmt.Sprint("r", len(q.asked)))
	var c domain.Command[State] = RequestUpdate{Tenant: tenant, Device: dev, Request: id, At: q.now}
	if kind == Scan {
		c = RequestScan{Tenant: tenant, Device: dev, Request: id, Profile: ProfileFull, At: q.now}
	}
	same := false
	for _, a := range q.pending() {
		same = same || a.kind == kind && a.begun.IsZero()
	}
	switch {
	case same:
		if q.do(t, c, nil) {
			t.Fatal("asked twice for what already waits")
		}
	case len(q.pending()) >= MaxPending:
		q.do(t, c, ErrTooManyRequests)
	default:
		q.do(t, c, nil)
		q.asked = append(q.asked, &asked{id: id, kind: kind, state: Created, expires: q.now.Add(RequestLifetime)})
	}
}

// Whatever people ask, devices answer and time does, each request goes through its states and ends once.
func TestRequestsAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := &queue{state: State{}.Evolve(enrolled), now: at}
		t.Repeat(map[string]func(*rapid.T){
			"wait":       func(t *rapid.T) { q.now = q.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "hours")) * time.Hour) },
			"ask scan":   func(t *rapid.T) { q.ask(t, Scan) },
			"ask update": func(t *rapid.T) { q.ask(t, Update) },
			"send": func(t *rapid.T) {
				a, want := q.one(t)
				if want == nil && a.begun.IsZero() && !q.now.Before(a.expires) {
					want = ErrRequestFinished
				}
				q.do(t, MarkSent{Tenant: tenant, Device: dev, Request: a.id, At: q.now}, want)
				a.hasBeenReceived = a.hasBeenReceived || want == nil
			},
			"start": func(t *rapid.T) {
				a, want := q.one(t)
				if q.do(t, MarkStarted{Tenant: tenant, Device: dev, Request: a.id, At: q.now}, want) {
					a.begun, a.hasBeenReceived = q.now, true
				}
			},
			"complete": func(t *rapid.T) {
				a, want := q.one(t)
				q.do(t, Complete{Tenant: tenant, Device: dev, Request: a.id, OK: true, At: q.now}, want)
				if want == nil {
					a.state = Completed
				}
			},
			"cancel": func(t *rapid.T) {
				a, want := q.one(t)
				if want == nil && a.hasBeenReceived {
					want = ErrRequestSent
				}
				q.do(t, Cancel{Tenant: tenant, Device: dev, Request: a.id, At: q.now}, want)
				if want == nil {
					a.state = Aborted
				}
			},
			"expire": func(t *rapid.T) {
				q.do(t, Expire{Tenant: tenant, Device: dev, At: q.now}, nil)
				for _, a := range q.pending() {
					end := a.expires
					if !a.begun.IsZero() {
						end = a.begun.Add(RequestLifetime)
					}
					if !q.now.Before(end) {
						a.state = Aborted
					}
				}
			},
			"": q.compare,
		})
	})
}

func (q *queue) compare(t *rapid.T) {
	states := RequestStates(q.history)
	pending := q.pending()
	for i, a := range pending {
		switch {
		case !a.begun.IsZero():
			a.state = Running
		case a.hasBeenReceived:
			a.state = Waiting
		case i == 0:
			a.state = Outstanding
		}
	}
	for _, a := range q.asked {
		if states[a.id] != a.state {
			t.Fatalf("%s is %s, want %s", a.id, states[a.id], a.state)
		}
	}
	got := q.state.Pending()
	if len(got) != len(pending) {
		t.Fatalf("%d requests are pending, want %d", len(got), len(pending))
	}
	for i, p := range got {
		if p.ID != pending[i].id || p.State != pending[i].state || p.Kind != pending[i].kind {
			t.Fatalf("request %d is %+v, want %+v", i, p, pending[i])
		}
	}
}
