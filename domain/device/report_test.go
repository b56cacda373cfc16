package device

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func threat(id string) Threat {
	return Threat{ID: id, Name: "Win.Test." + id, Path: `C:\` + id, Action: "blocked", FoundAt: at}
}

func gone(id string) Threat {
	t := threat(id)
	t.Action, t.Resolved, t.ResolvedAt = "deleted", true, at.Add(time.Minute)
	return t
}

func found(id string, open int) ThreatFound {
	return ThreatFound{Device: dev, Threat: id, Name: "Win.Test." + id, Path: `C:\` + id, Action: "blocked", FoundAt: at, Open: open}
}

func told(id string, open int) ThreatResolved {
	return ThreatResolved{
		Device: dev, Threat: id, Name: "Win.Test." + id, Path: `C:\` + id, How: Told,
		Action: "deleted", ResolvedAt: at.Add(time.Minute), Open: open,
	}
}

func unlisted(id string, open int) ThreatResolved {
	return ThreatResolved{Device: dev, Threat: id, Name: "Win.Test." + id, Path: `C:\` + id, How: Unlisted, Open: open}
}

func report(complete bool, threats ...Threat) Report {
	return Report{Tenant: tenant, Device: dev, Threats: threats, Complete: complete, At: at}
}

func TestReportTellsNewThreatsOnce(t *testing.T) {
	c := report(true, threat("t1"), threat("t2"), threat("t1"))
	given(t).When(c).Then(found("t1", 1), found("t2", 2)).When(c).ThenNothing()
	if n := domaintest.Fold[State](enrolled, found("t1", 1), found("t2", 2)).OpenThreats(); n != 2 {
		t.Errorf("%d threats are open", n)
	}
}

func TestReportTellsWhatIsGone(t *testing.T) {
	infected := given(t, found("t1", 1), found("t2", 2))
	infected.When(report(true, gone("t1"), threat("t2"))).Then(told("t1", 1)).When(report(true, gone("t1"), threat("t2"))).ThenNothing()
	infected.When(report(true, threat("t2"))).Then(unlisted("t1", 1)).When(report(true)).Then(unlisted("t2", 0))
	infected.When(report(false, threat("t2"))).ThenNothing() // an incomplete list says nothing about the others
}

// What came and went between two reports is told as both, and only once, even if the client repeats itself.
func TestReportTellsWhatCameAndWent(t *testing.T) {
	c := report(true, gone("t1"))
	f := found("t1", 1)
	f.Action = "deleted"
	given(t).When(c).Then(f, told("t1", 0)).When(c).ThenNothing()
}

func TestWhatIsOverIsRememberedForAWhile(t *testing.T) {
	var history []domain.Event
	for i := range maxOver + 1 {
		id := fmt.Sprint("t", i)
		history = append(history, found(id, 1), told(id, 0))
	}
	given(t, history...).When(report(false, gone(fmt.Sprint("t", maxOver)))).ThenNothing()
	given(t, history...).When(report(false, gone("t1"))).ThenNothing()
	if s := domaintest.Fold[State](history...); s.isOver("t0") || len(s.current().over) != maxOver {
		t.Errorf("%d ids are remembered, want %d", len(s.current().over), maxOver)
	}
}

func TestReportIsBounded(t *testing.T) {
	var many []Threat
	for i := range MaxThreats + 5 {
		many = append(many, threat(fmt.Sprint("t", i)))
	}
	events, err := report(false, many...).Decide(domaintest.Fold[State](enrolled))
	if err != nil || len(events) != MaxThreats {
		t.Errorf("%d threats were told, %v", len(events), err)
	}
	for field, spoil := range map[string]func(*Threat){
		"/threats/id":     func(t *Threat) { t.ID = "" },
		"/threats/name":   func(t *Threat) { t.Name = "a\x1bb" },
		"/threats/path":   func(t *Threat) { t.Path = string(make([]byte, MaxThreatPath+1)) },
		"/threats/action": func(t *Threat) { t.Action = "\xff" },
	} {
		wrong := threat("t1")
		spoil(&wrong)
		given(t).When(report(true, wrong)).ThenRefused(domain.ErrInvalid.At(field))
	}
}

func TestReportTellsGuards(t *testing.T) {
	c := report(true)
	c.Guards = Guards{Engine: On, Realtime: Off}
	given(t).When(c).Then(GuardsChanged{Device: dev, To: c.Guards}).When(c).ThenNothing()
	given(t, GuardsChanged{To: c.Guards}).When(report(true)).Then(GuardsChanged{Device: dev, From: c.Guards})
}

func TestProtection(t *testing.T) {
	for _, c := range []struct {
		guards Guards
		want   Protection
	}{
		{Guards{}, Unknown}, {Guards{Engine: On}, Green}, {Guards{Engine: On, Autoscan: Off}, Yellow},
		{Guards{Spam: Off, Mail: Off}, Red}, {Guards{On, On, On, On, On, On}, Green},
	} {
		if got := c.guards.Protection(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.guards, got, c.want)
		}
	}
}

func TestGuardsAreStoredAsWords(t *testing.T) {
	var g Guard
	if _, err := Guard(7).MarshalText(); err == nil {
		t.Error("a guard that does not exist was written")
	}
	if err := g.UnmarshalText([]byte("maybe")); err == nil {
		t.Error("a guard that does not exist was read")
	}
}

// Readers keep a state while the pipeline folds on; what they see must not change under them.
func TestAnOldStateStaysAsItWas(t *testing.T) {
	before := domaintest.Fold[State](enrolled, found("t1", 1), found("t2", 2), scanRequested("r1"), updateRequested("r2"))
	pending := before.Pending()
	after := before.Evolve(told("t1", 1)).Evolve(found("t3", 2)).Evolve(RequestStarted{Request: "r1", At: at}).Evolve(RequestAborted{Request: "r2"})
	before.Evolve(found("t4", 3)) // a second future of the same past
	if before.OpenThreats() != 2 || before.threats()[0].id != "t1" || len(before.Pending()) != 2 || before.Pending()[0].State != pending[0].State {
		t.Error("an event changed the state before it")
	}
	if ids := slices.Collect(func(yield func(string) bool) {
		for _, t := range after.threats() {
			if !yield(t.id) {
				return
			}
		}
	}); !slices.Equal(ids, []string{"t2", "t3"}) {
		t.Errorf("open are %v", ids)
	}
}
