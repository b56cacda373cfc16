package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
)

// What a reseller does in a day, each endpoint once; every answer is held against the document by request.
func TestCustomersLicensesGroups(t *testing.T) {
	p := start(t)
	p.fleet()

	a := p.must(201, p.admin, "POST", "/api/v1/customers", map[string]any{"id": "c9", "name": "Praxis", "number": "10023"})
	if a.header.Get("Location") != "/api/v1/customers/c9" || a.header.Get("ETag") != `"0"` || a.body["changed"] != true {
		t.Errorf("a new customer: %v %s", a.header, a.raw)
	}
	p.must(200, p.admin, "POST", "/api/v1/customers", map[string]any{"id": "c9", "name": "Praxis am Park", "number": "10023"})
	a = p.must(200, p.admin, "PATCH", "/api/v1/customers/c9", map[string]any{"name": "Praxis am See"}, "If-Match", `"1"`)
	got := p.must(200, p.admin, "GET", "/api/v1/customers/c9", nil, "Portal-After", a.header.Get("Portal-Position"))
	if got.body["name"] != "Praxis am See" || got.header.Get("ETag") != `"2"` {
		t.Errorf("after the change: %s, ETag %s", got.raw, got.header.Get("ETag"))
	}

	p.must(201, p.admin, "POST", "/api/v1/licenses", map[string]any{
		"id": "l9", "customer": "c9", "name": "Praxis", "kind": "purchase", "seats": 10, "term_years": 1,
		"valid_from": time.Now().AddDate(-1, 0, 0), "valid_until": time.Now().AddDate(0, 1, 0),
	})
	p.must(200, p.admin, "PATCH", "/api/v1/licenses/l9", map[string]any{"name": "Praxis 25", "seats": 25})
	a = p.must(200, p.admin, "POST", "/api/v1/licenses/l9/renew", map[string]any{"term_years": 1, "valid_until": time.Now().AddDate(1, 1, 0)})
	got = p.must(200, p.admin, "GET", "/api/v1/licenses/l9", nil, "Portal-After", a.header.Get("Portal-Position"))
	if got.body["name"] != "Praxis 25" || got.body["seats"] != 25.0 || got.body["state"] != "valid" || got.body["tid"] == "" {
		t.Errorf("the license: %s", got.raw)
	}
	p.must(201, p.admin, "POST", "/api/v1/licenses", map[string]any{"customer": "c9", "name": "Flat", "kind": "msp", "seats": 0, "valid_from": time.Now()})

	a = p.must(201, p.admin, "POST", "/api/v1/groups", map[string]any{"license": "l9", "parent": "l9.main", "name": "Anmeldung"})
	first := a.body["id"].(string)
	a = p.must(201, p.admin, "POST", "/api/v1/groups", map[string]any{"license": "l9", "parent": "l9.main", "name": "Labor"})
	second := a.body["id"].(string)
	a = p.must(200, p.admin, "PATCH", "/api/v1/groups/"+second, map[string]any{"name": "Labor 2", "parent": first})
	got = p.must(200, p.admin, "GET", "/api/v1/groups?license=l9", nil, "Portal-After", a.header.Get("Portal-Position"))
	if groups := list(got); len(groups) != 3 || groups[2]["name"] != "Labor 2" || groups[2]["parent"] != first || groups[2]["depth"] != 3.0 {
		t.Errorf("the tree: %s", got.raw)
	}
	a = p.must(200, p.admin, "DELETE", "/api/v1/groups/"+second, nil)
	got = p.must(200, p.admin, "GET", "/api/v1/groups?customer=c9&limit=1", nil, "Portal-After", a.header.Get("Portal-Position"))
	if got.body["next_cursor"] == nil {
		t.Errorf("a page of one tree out of two has no next: %s", got.raw)
	}
	got = p.must(200, p.admin, "GET", "/api/v1/customers?q=Praxis&count=true&sort=-devices", nil)
	if got.body["total"] != 1.0 || len(list(got)) != 1 {
		t.Errorf("search for a customer: %s", got.raw)
	}
	got = p.must(200, p.admin, "GET", "/api/v1/licenses?state=valid,expiring&kind=purchase&sort=valid_until&limit=2&count=true", nil)
	next := p.must(200, p.admin, "GET", "/api/v1/licenses?state=valid,expiring&kind=purchase&sort=valid_until&limit=2&cursor="+got.body["next_cursor"].(string), nil)
	if got.body["total"] != 3.0 || len(list(got)) != 2 || len(list(next)) != 1 || next.body["next_cursor"] != nil {
		t.Errorf("two pages of licenses: %s %s", got.raw, next.raw)
	}
}

func TestDevices(t *testing.T) { theDevices(t, start(t)) }

func theDevices(t *testing.T, p *portal) {
	t.Helper()
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])

	p.must(200, p.admin, "PATCH", one, map[string]any{"label": "Anmeldung"})
	a := p.must(202, p.admin, "POST", one+"/scan", map[string]any{"profile": "path", "paths": []string{"/home"}})
	request := a.body["request"].(string)
	again := p.must(202, p.admin, "POST", one+"/scan", map[string]any{"profile": "path", "paths": []string{"/home"}})
	if again.body["request"] != request || again.body["changed"] != false {
		t.Errorf("the same scan again: %s, want that of %s", again.raw, a.raw)
	}
	a = p.must(202, p.admin, "POST", one+"/update", nil)
	p.must(200, p.admin, "DELETE", one+"/requests/"+a.body["request"].(string), nil)
	p.say(f.devices[0], uuid.Nil, device.Report{
		Tenant: tenant, Device: f.devices[0], Threats: []device.Threat{{ID: "t1", Name: "Eicar", Path: "/x", Action: "none"}},
		Guards: device.Guards{Engine: device.On, Realtime: device.Off}, At: time.Now(),
	})
	k, v := p.caughtUp()
	got := p.must(200, p.admin, "GET", one, nil, k, v)
	if at(got.body, "device", "label") != "Anmeldung" || at(got.body, "device", "protection") != "yellow" || at(got.body, "device", "threats") != 1.0 ||
		at(got.body, "device", "pending_state") != "outstanding" || len(got.body["open_threats"].([]any)) != 1 || len(got.body["requests"].([]any)) != 2 {
		t.Errorf("the device: %s", got.raw)
	}
	if got.header.Get("ETag") == "" {
		t.Error("the device has no ETag")
	}
	for filter, want := range map[string]int{
		"": 5, "?infected=true": 1, "?infected=false": 4, "?q=pc-": 3, "?customer=c2": 1, "?license=l1&sort=-last_seen": 3, "?group=l1.main": 3,
		"?group=l1.main&subgroups=false&os=linux&arch=amd64": 3, "?pending=true": 1, "?license_state=expired": 1, "?license_state=valid,expiring": 4,
		"?protection=yellow,red": 1, "?contact=silent,stale": 0, "?signatures=unknown&count=true": 5, "?client_version=9": 0, "?customer=b1": 0, "?q=ALIEN": 0,
	} {
		if got := p.must(200, p.admin, "GET", "/api/v1/devices"+filter, nil); len(list(got)) != want {
			t.Errorf("devices%s: %d, want %d", filter, len(list(got)), want)
		}
	}
	for _, key := range []string{"hostname", "label", "customer", "license", "group", "ip", "os", "client_version", "signature_date", "protection", "threats", "last_scan", "last_seen", "enrolled_at", "pending"} {
		for _, sort := range []string{key, "-" + key} {
			seen, cursor := map[any]bool{}, ""
			for range 5 {
				got := p.must(200, p.admin, "GET", "/api/v1/devices?limit=2&sort="+sort+cursor, nil)
				for _, d := range list(got) {
					seen[d["id"]] = true
				}
				next, ok := got.body["next_cursor"].(string)
				if !ok {
					break
				}
				cursor = "&cursor=" + next
			}
			if len(seen) != 5 {
				t.Errorf("sorted by %s, the pages hold %d devices, want 5", sort, len(seen))
			}
		}
	}
	got = p.must(200, p.admin, "GET", one+"/history?limit=2", nil)
	next := p.must(200, p.admin, "GET", one+"/history?limit=200&cursor="+got.body["next_cursor"].(string), nil)
	if n := len(list(got)) + len(list(next)); list(next)[len(list(next))-1]["type"] != "device.enrolled" || n < 6 {
		t.Errorf("%d events of the device, the last one is not the first: %s", n, next.raw)
	}
	p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"})
	a = p.must(200, p.admin, "DELETE", one+"?reason=broken", nil)
	p.refused(404, "not_found", p.admin, "GET", one, nil, "Portal-After", a.header.Get("Portal-Position"))
	p.refused(409, "device_removed", p.admin, "POST", one+"/update", nil)

	d := p.must(200, p.admin, "GET", "/api/v1/dashboard", nil)
	if at(d.body, "devices", "total") != 4.0 || at(d.body, "licenses", "expired") != 1.0 || at(d.body, "licenses", "expiring") != 1.0 || len(d.body["expired_licenses"].([]any)) != 1 {
		t.Errorf("the dashboard: %s", d.raw)
	}
	d = p.must(200, p.admin, "GET", "/api/v1/dashboard?customer=c1&entries=0", nil)
	if at(d.body, "devices", "total") != 2.0 || at(d.body, "licenses", "expired") != 0.0 {
		t.Errorf("the dashboard of one customer: %s", d.raw)
	}
}

func TestJobs(t *testing.T) { theJobs(t, start(t)) }

func theJobs(t *testing.T, p *portal) {
	t.Helper()
	f := p.fleet()
	a := p.must(202, p.admin, "POST", "/api/v1/devices/move", map[string]any{"devices": f.devices, "group": "l2.main"}, "Idempotency-Key", "move-1")
	job := a.header.Get("Location")
	k, v := p.caughtUp()
	p.must(200, p.admin, "GET", "/api/v1/groups", nil, k, v)
	got := p.await(job, func(a answer) bool { return a.body["state"] == "finished" })
	if got.body["total"] != 3.0 || got.body["done"] != 3.0 || got.body["failed"] != 2.0 || at(got.body, "group", "name") != "License l2" { // l2 has one seat left
		t.Errorf("the job: %s", got.raw)
	}
	results := p.must(200, p.admin, "GET", job+"/results?ok=false&limit=1", nil)
	more := p.must(200, p.admin, "GET", job+"/results?ok=false&limit=1&cursor="+results.body["next_cursor"].(string), nil)
	if r := list(more); len(r) != 1 || r[0]["code"] != "no_seats" || more.body["next_cursor"] != nil {
		t.Errorf("the refusals: %s %s", results.raw, more.raw)
	}
	again := p.must(202, p.admin, "POST", "/api/v1/devices/move", map[string]any{"devices": f.devices, "group": "l2.main"}, "Idempotency-Key", "move-1")
	if again.body["id"] != a.body["id"] {
		t.Errorf("the same job again is %s, want %s", again.raw, a.raw)
	}
	p.must(202, p.admin, "POST", "/api/v1/devices/scan", map[string]any{"devices": f.devices, "profile": "quick"})
	a = p.must(202, p.admin, "POST", "/api/v1/devices/update", map[string]any{"devices": f.devices})
	p.await(a.header.Get("Location"), func(a answer) bool { return a.body["state"] == "finished" })
	got = p.must(200, p.admin, "GET", "/api/v1/jobs?limit=2", nil)
	next := p.must(200, p.admin, "GET", "/api/v1/jobs?limit=2&cursor="+got.body["next_cursor"].(string), nil)
	if len(list(got)) != 2 || len(list(next)) != 1 || list(next)[0]["action"] != "move_devices" {
		t.Errorf("two pages of jobs: %s %s", got.raw, next.raw)
	}
	if got := p.must(200, p.admin, "GET", "/api/v1/jobs?action=scan_devices&state=accepted,running,finished", nil); len(list(got)) != 1 {
		t.Errorf("jobs by action: %s", got.raw)
	}
}

// await reads until an answer is as wanted.
func (p *portal) await(path string, ok func(answer) bool) answer {
	p.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if a := p.request(p.admin, "GET", path, nil); a.status == http.StatusOK && ok(a) {
			return a
		} else if time.Now().After(deadline) {
			p.Fatalf("%s: still %s", path, a.raw)
		}
	}
}

func TestResellerTokensMe(t *testing.T) {
	p := start(t)
	p.fleet()
	a := p.must(200, p.admin, "PATCH", "/api/v1/reseller", map[string]any{"name": "Systemhaus Nord", "thresholds": map[string]any{"expiring_days": 60}})
	got := p.must(200, p.admin, "GET", "/api/v1/reseller", nil)
	if got.body["name"] != "Systemhaus Nord" || at(got.body, "thresholds", "expiring_days") != 60.0 || at(got.body, "thresholds", "silent_days") != 14.0 ||
		got.header.Get("ETag") != a.header.Get("ETag") {
		t.Errorf("the reseller: %s", got.raw)
	}
	operator := p.token(domain.Operator, "", "")
	p.must(201, operator, "POST", "/api/v1/resellers", map[string]any{"tenant": "00000000000000000000000000000001", "name": "Neu", "language": "en"})
	p.must(200, operator, "POST", "/api/v1/resellers", map[string]any{"tenant": "00000000000000000000000000000001", "name": "Neu", "language": "en"})
	p.must(201, operator, "POST", "/api/v1/resellers", map[string]any{"name": "Ohne Kennung"})

	a = p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "Kunde", "role": "customer_admin", "customer": "c1", "days": 7}, "Idempotency-Key", "k1")
	secret := a.body["secret"].(string)
	p.refused(409, "token_exists", p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "Kunde", "role": "customer_admin", "customer": "c1", "days": 7}, "Idempotency-Key", "k1")
	me := p.must(200, secret, "GET", "/api/v1/me", nil)
	if me.body["role"] != "customer_admin" || me.body["customer"] != "c1" || me.body["tenant"] != string(tenant) {
		t.Errorf("me: %s", me.raw)
	}
	p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "Lesend", "role": "reseller_readonly"})
	first := p.must(200, p.admin, "GET", "/api/v1/tokens?limit=2", nil)
	rest := p.must(200, p.admin, "GET", "/api/v1/tokens?limit=2&cursor="+first.body["next_cursor"].(string), nil)
	if len(list(first)) != 2 || len(list(rest)) != 1 || list(first)[0]["name"] != "Lesend" {
		t.Errorf("tokens: %s %s", first.raw, rest.raw)
	}
	p.must(204, p.admin, "DELETE", a.header.Get("Location"), nil)
	p.refused(401, "unauthorized", secret, "GET", "/api/v1/me", nil)
	p.refused(404, "not_found", p.admin, "DELETE", a.header.Get("Location"), nil)
}

func TestHealth(t *testing.T) {
	p := start(t)
	for path, want := range map[string]string{"/livez": `{"status":"ok"}`, "/readyz": `{"views":"all there"}`, "/metrics": "up 1"} {
		if a := p.must(200, "", "GET", path, nil); string(a.raw) != want+"\n" {
			t.Errorf("%s: %q", path, a.raw)
		}
	}
}
