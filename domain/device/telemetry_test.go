package device

import (
	"testing"
	"time"
	"unsafe"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func observe(f Facts, after time.Duration) Observe {
	return Observe{Tenant: tenant, Device: dev, Facts: f, At: at.Add(after)}
}

func observed(f Facts, after time.Duration) Observed {
	return Observed{Tenant: tenant, Device: dev, Facts: f, At: at.Add(after)}
}

func TestObserveTellsChanges(t *testing.T) {
	renamed, updated := facts, facts
	renamed.Hostname = "PC-2"
	updated.SignatureVersion = "27001"
	both := renamed
	both.SignatureVersion = "27001"

	domaintest.Given[Telemetry](t).When(observe(facts, 0)).Then(observed(facts, 0))
	known := domaintest.Given[Telemetry](t, observed(facts, 0))
	known.When(observe(facts, 100*time.Hour)).ThenNothing()
	known.When(observe(renamed, time.Minute)).Then(observed(renamed, time.Minute))
	known.When(observe(both, time.Minute)).Then(observed(both, time.Minute)) // the one takes the other along
	known.When(observe(updated, Coalesce-time.Second)).ThenNothing()
	known.When(observe(updated, Coalesce)).Then(observed(updated, Coalesce))

	asked := observe(updated, time.Minute)
	asked.Prompted = true
	known.When(asked).Then(observed(updated, time.Minute)).When(asked).ThenNothing()
}

func TestEveryFactCounts(t *testing.T) {
	s := domaintest.Fold[Telemetry](observed(facts, 0))
	for name, change := range map[string]func(*Observe){
		"hostname":          func(c *Observe) { c.Facts.Hostname += "x" },
		"os":                func(c *Observe) { c.Facts.OS += "x" },
		"os_version":        func(c *Observe) { c.Facts.OSVersion += "x" },
		"arch":              func(c *Observe) { c.Facts.Arch += "x" },
		"ip":                func(c *Observe) { c.Facts.IP += "x" },
		"domain":            func(c *Observe) { c.Facts.Domain += "x" },
		"client_version":    func(c *Observe) { c.Facts.ClientVersion += "x" },
		"engine":            func(c *Observe) { c.Facts.Engine += "x" },
		"engine_version":    func(c *Observe) { c.Facts.EngineVersion += "x" },
		"signature_version": func(c *Observe) { c.Facts.SignatureVersion += "x" },
		"signature_date":    func(c *Observe) { c.Facts.SignatureDate = at.Add(time.Hour) },
		"finished_at":       func(c *Observe) { c.LastScan.FinishedAt = at },
		"profile":           func(c *Observe) { c.LastScan.Profile = "quick" },
		"outcome":           func(c *Observe) { c.LastScan.Outcome = "completed" },
		"files":             func(c *Observe) { c.LastScan.Files = 1 },
		"infected":          func(c *Observe) { c.LastScan.Infected = 1 },
		"errors":            func(c *Observe) { c.LastScan.Errors = 1 },
	} {
		c := observe(facts, Coalesce)
		change(&c)
		if events, err := c.Decide(s); err != nil || len(events) != 1 {
			t.Errorf("a change of %s is told by %v, %v", name, events, err)
		}
	}
	// A value that wanders from one field to the next is a change.
	c := observe(facts, 0)
	c.Facts.OS, c.Facts.Hostname = facts.Hostname+facts.OS, ""
	if events, err := c.Decide(s); err != nil || len(events) != 1 {
		t.Errorf("got %v, %v", events, err)
	}
}

func TestObserveRefusesNoise(t *testing.T) {
	loud := facts
	loud.IP = "\x00"
	known := domaintest.Given[Telemetry](t, observed(facts, 0))
	known.When(observe(loud, 0)).ThenRefused(domain.ErrInvalid.At("/facts/ip"))
	scan := observe(facts, 0)
	scan.LastScan.Outcome = "\xff"
	known.When(scan).ThenRefused(domain.ErrInvalid.At("/last_scan/outcome"))
	scan.LastScan.Profile = "\n"
	known.When(scan).ThenRefused(domain.ErrInvalid.At("/last_scan/profile"))
}

func TestTelemetryStandsApart(t *testing.T) {
	c := observe(facts, 0)
	if s := c.Stream(); !s.Telemetry || s.Category() == string(tenant) {
		t.Errorf("it goes to %s", s)
	}
	want := domain.Scope{Tenant: tenant}
	if got := domaintest.Fold[Telemetry](observed(facts, 0)).Scope(); got != want || c.Creates() != want {
		t.Errorf("the scope is %+v", got)
	}
	if n := unsafe.Sizeof(Telemetry{}); n > 64 {
		t.Errorf("the telemetry of a device takes %d bytes", n)
	}
}
