package api_test

import (
	"context"
	"iter"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

func TestThePast(t *testing.T) { thePast(t, start(t)) }

// A device is renamed, moved to another customer and removed. Each read shows at each position what was so then, and to each
// caller what was his then.
func thePast(t *testing.T, p *portal) {
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	customer := func(c domain.CustomerID) string { return p.token(domain.CustomerAdmin, tenant, c) }
	was := func(a answer) string { return "as_of=" + a.header.Get("Portal-Position") }
	named := p.must(200, p.admin, "PATCH", one, map[string]any{"label": "Anmeldung"})
	moved := p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"})
	removed := p.must(200, p.admin, "DELETE", one+"?reason=broken", nil)
	renamed := p.must(200, p.admin, "PATCH", "/api/v1/customers/c1", map[string]any{"name": "Anders"})

	// The answer to the move tells where the device says that it has moved; its old seat is given back after that.
	for _, c := range []struct {
		who          string
		when         answer
		status       int
		of           string // customer
		total, seats float64
	}{
		{p.admin, named, 200, "c1", 5, 3}, {p.admin, moved, 200, "c2", 5, 3}, {p.admin, removed, 404, "", 4, 2},
		{customer("c1"), named, 200, "c1", 3, 3}, {customer("c1"), moved, 404, "", 2, 3}, {customer("c2"), named, 404, "", 1, 0}, {customer("c2"), moved, 200, "c2", 2, 0},
		{p.token(domain.ResellerAdmin, foreign, ""), named, 404, "", 1, 0},
	} {
		got := p.must(c.status, c.who, "GET", one+"?"+was(c.when), nil)
		d := got.body["device"]
		if c.status == 200 && (at(d, "label") != "Anmeldung" || at(d, "customer", "id") != c.of || at(d, "contact") != nil || at(d, "last_seen") != nil || got.header.Get("ETag") != "") {
			t.Errorf("%s: %s", was(c.when), got.raw)
		}
		if got := p.must(200, c.who, "GET", "/api/v1/devices?count=true&sort=-customer&limit=1&"+was(c.when), nil); got.body["total"] != c.total {
			t.Errorf("devices, %s: %s", was(c.when), got.raw)
		}
		got = p.must(200, c.who, "GET", "/api/v1/dashboard?"+was(c.when), nil)
		if at(got.body, "devices", "total") != c.total || at(got.body, "devices", "contact") != nil || got.header.Get("Portal-Position") == "" {
			t.Errorf("dashboard, %s: %s", was(c.when), got.raw)
		}
		if c.seats > 0 {
			if got := p.must(200, c.who, "GET", "/api/v1/licenses/l1?"+was(c.when), nil); got.body["used"] != c.seats {
				t.Errorf("license, %s: %s", was(c.when), got.raw)
			}
			if got := p.must(200, c.who, "GET", "/api/v1/groups?license=l1&"+was(c.when), nil); at(list(got)[0], "devices") != c.seats {
				t.Errorf("groups, %s: %s", was(c.when), got.raw)
			}
		} else {
			p.refused(404, "not_found", c.who, "GET", "/api/v1/licenses/l1?"+was(c.when), nil)
			p.refused(404, "not_found", c.who, "GET", "/api/v1/dashboard?customer=c1&"+was(c.when), nil)
		}
	}
	for when, name := range map[string]string{was(removed): "Customer c1", was(renamed): "Anders"} {
		if got := p.must(200, p.admin, "GET", "/api/v1/customers/c1?"+when, nil); got.body["name"] != name {
			t.Errorf("%s: %s", when, got.raw)
		}
		if got := p.must(200, p.admin, "GET", "/api/v1/customers?q="+url.QueryEscape(name)+"&"+when, nil); len(list(got)) != 1 {
			t.Errorf("%s: %s", when, got.raw)
		}
	}
}

// What depends on the time of day is judged at the moment, by the thresholds of then.
func TestStatesAreThoseOfTheMoment(t *testing.T) {
	log := memory.New(catalog.Registry())
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	now := day(-60)
	log.SetClock(func() time.Time { return now })
	p := startOn(t, log)
	f := p.fleet()
	facts := device.Facts{Hostname: "PC-1", OS: "linux", Arch: "amd64", IP: "10.0.0.1", SignatureDate: day(-61)}
	p.do(commands.Do[device.Telemetry](p.Context(), p.h, commands.Request{
		Actor: domain.DeviceActor(f.devices[0], domain.Scope{Tenant: tenant}), At: now, ID: uuid.New(),
	}, device.Observe{Tenant: tenant, Device: f.devices[0], Facts: facts, At: now}))
	now = day(-20)
	p.must(200, p.admin, "PATCH", "/api/v1/reseller", map[string]any{"thresholds": map[string]any{"expiring_days": 1}})
	as := func(d int) string { return "as_of=" + url.QueryEscape(day(d).Format(time.RFC3339)) }
	for when, want := range map[string][]string{ // of the licenses, and of the signatures
		as(-59): {"valid", "valid", "current"},     // the license l2 ends in ten days from today
		as(-21): {"valid", "expiring", "critical"}, // lx ended yesterday
		as(-5):  {"valid", "valid", "critical"},
		as(0):   {"valid", "expired", "critical"},
	} {
		var got []any
		for _, l := range []string{"l2", "lx"} {
			got = append(got, p.must(200, p.admin, "GET", "/api/v1/licenses/"+l+"?"+when, nil).body["state"])
		}
		got = append(got, at(p.must(200, p.admin, "GET", "/api/v1/devices/"+string(f.devices[0])+"?"+when, nil).body, "device", "signatures"))
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", when, got, want)
				break
			}
		}
	}
	for when, expiring := range map[string]float64{as(-30): 1, as(-10): 0} { // lx ended yesterday: within 30 days, not within one
		if got := p.must(200, p.admin, "GET", "/api/v1/dashboard?"+when, nil); at(got.body, "licenses", "expiring") != expiring {
			t.Errorf("%s: %s", when, got.raw)
		}
	}
	if got := p.must(200, p.admin, "GET", "/api/v1/dashboard?"+as(-61), nil); at(got.body, "customers") != 0.0 || at(got.body, "devices", "total") != 0.0 {
		t.Errorf("before the beginning: %s", got.raw)
	}
}

func TestMomentsThatAreNone(t *testing.T) {
	p := start(t)
	p.fleet()
	for query, want := range map[string][2]string{ // the parameter at fault, and how
		"as_of=yesterday": {"as_of", "format"}, "as_of=2026-02-30": {"as_of", "format"}, "as_of=": {"as_of", "too_short"}, "as_of=0/0": {"as_of", "format"},
		"as_of=" + strings.Repeat("1", 65):                     {"as_of", "too_long"},
		"as_of=2999-01-01T00:00:00Z":                           {"as_of", "in_the_future"},
		"as_of=9000000000000000000/9000000000000000000":        {"as_of", "in_the_future"},
		"as_of=2026-01-01&contact=silent":                      {"contact", "not_in_the_past"},
		"as_of=2026-01-01&sort=-last_seen":                     {"sort", "not_in_the_past"},
		"as_of=2026-01-01T00:00:00Z&as_of=2026-01-02T00:00:00": {"as_of", "duplicate_parameter"},
	} {
		a := p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/devices?"+query, nil)
		errors, _ := a.body["errors"].([]any)
		if len(errors) != 1 || at(errors[0], "pointer") != want[0] || at(errors[0], "code") != want[1] {
			t.Errorf("%s: %s", query, a.raw)
		}
	}
	p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/jobs?as_of=2026-01-01", nil)
}

// slow is a log whose links are not read before the gate is open.
type slow struct {
	*memory.Store
	asked chan struct{} // closed with the first read
	gate  chan struct{}
	once  *sync.Once
}

func (s slow) ReadLinks(ctx context.Context, system string, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	s.once.Do(func() { close(s.asked) })
	select {
	case <-s.gate:
	case <-ctx.Done():
	}
	return s.Store.ReadLinks(ctx, system, from, d, limit)
}

func TestAMomentThatTakesLongIsAnsweredLater(t *testing.T) {
	log := slow{memory.New(catalog.Registry()), make(chan struct{}), make(chan struct{}), &sync.Once{}}
	p := startOn(t, log)
	p.fleet()
	position := "as_of=" + p.head().String()
	asked := make(chan answer)
	go func() { asked <- p.request(p.admin, "GET", "/api/v1/dashboard?"+position, nil) }()
	<-log.asked
	p.refused(503, "as_of_busy", p.admin, "GET", "/api/v1/devices?as_of=2026-01-01", nil)
	a := <-asked
	if a.status != 503 || a.body["code"] != "as_of_building" || a.header.Get("Retry-After") == "" || at(a.body, "progress", "events") != 0.0 {
		t.Errorf("%v %s", a.header, a.raw)
	}
	close(log.gate)
	if got := p.must(200, p.admin, "GET", "/api/v1/dashboard?"+position, nil); at(got.body, "devices", "total") != 5.0 {
		t.Errorf("%s", got.raw)
	}
}
