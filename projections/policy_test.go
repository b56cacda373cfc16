package projections_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"avportal/domain/platform"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// greeter is a policy that can't react to deposits of 13, and notes what it reacts to.
type greeter struct {
	mu   sync.Mutex
	seen []string
}

func (g *greeter) policy(c *projections.Config) {
	c.Policies = []projections.Policy{{Name: "greet all", React: func(_ context.Context, r eventstore.Recorded) error {
		if d, ok := r.Event.(deposited); ok && d.Amount == 13 {
			return errors.New("what bad luck")
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.seen = append(g.seen, r.Type)
		return nil
	}}}
}

func (g *greeter) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func (p *portal) policy() projections.PolicyStatus {
	p.t.Helper()
	all, err := p.PolicyStatus(p.t.Context())
	if err != nil || len(all) != 1 {
		p.t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func TestAPolicyLeavesOutWhatIsQuarantined(t *testing.T) {
	log, db := memory.New(bankRegistry(platform.Events)), postgrestest.Pool(t)
	var g greeter
	p := newPortal(t, log, db, g.policy).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}))
	eventually(t, "it reacts", func() bool { return g.count() == 1 })
	if _, err := p.Poison(t.Context(), "policy/greet all"); !errors.Is(err, projections.ErrNotHalted) {
		t.Errorf("a policy that goes on has a poison event: %v", err)
	}
	if _, err := p.Poison(t.Context(), "policy/nobody"); !errors.Is(err, projections.ErrNoPolicy) {
		t.Errorf("no policy: %v", err)
	}
	at := write(t, log, "a", deposited{13})
	write(t, log, "a", deposited{1})
	eventually(t, "it halts", func() bool { return p.policy().Halted != nil })
	if got := metric(t, p.Collector(), "avportal_policy_halted", "greet all"); got != 1 {
		t.Errorf("avportal_policy_halted is %v", got)
	}
	h, err := p.Poison(t.Context(), "policy/greet all")
	if err != nil || h.Position != at.String() || h.Message != "what bad luck" {
		t.Fatalf("%+v, %v", h, err)
	}
	quarantineEvent(t, log, "policy/greet all", h)
	eventually(t, "it goes on", func() bool { s := p.policy(); return s.Halted == nil && s.Position == s.Head })
	if s := p.policy(); s.Quarantined != 1 || g.count() != 3 { // with the decision itself
		t.Errorf("%+v", s)
	}
	p.stop()
	p = newPortal(t, log, db, g.policy).start()
	p.await("bank", write(t, log, "b", opened{Owner: "Eve"}))
	eventually(t, "it goes on after a restart", func() bool { return g.count() == 4 })
}

// The log is restored from a copy that is older than what the policy has come to, and has grown since, or not. The policy is refused,
// and the command that it names heals it.
func TestAPolicyNoticesARestoredLog(t *testing.T) {
	for _, more := range []int{0, 5} {
		log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
		var g greeter
		p := newPortal(t, log, db, g.policy).start()
		p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}, deposited{2}))
		eventually(t, "it reacts", func() bool { return g.count() == 3 })
		p.stop()

		restored := memory.New(bankRegistry())
		write(t, restored, "a", opened{Owner: "Ann"})
		for range more {
			write(t, restored, "a", deposited{1})
		}
		p = newPortal(t, restored, db, g.policy).start()
		eventually(t, "it is refused", func() bool { return p.policy().Halted != nil })
		if h := p.policy().Halted; !strings.Contains(h.Message, "avportal projections rewind 'greet all'") {
			t.Errorf("%+v", h)
		}
		if g.count() != 3 {
			t.Errorf("it has reacted to events of another log: %v", g.seen)
		}
		if err := p.Rewind(t.Context(), "greet all"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it goes on", func() bool { s := p.policy(); return s.Halted == nil && s.Position == s.Head && g.count() == 3+1+more })
		if err := p.Rewind(t.Context(), "nobody"); !errors.Is(err, projections.ErrNoPolicy) {
			t.Errorf("no policy: %v", err)
		}
		p.stop()
	}
}
