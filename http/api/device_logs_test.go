package api_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/device"
)

// consent lets the administrator of a customer say whether logs may be read.
func (p *portal) consent(t domain.Tenant, c domain.CustomerID, allowed bool) {
	p.Helper()
	p.must(200, p.token(domain.CustomerAdmin, t, c), "PUT", "/api/v1/customers/"+string(c)+"/log-consent", map[string]any{"allowed": allowed})
}

func TestALogIsAskedForWithConsentAndDownloaded(t *testing.T) {
	p := start(t)
	f := p.fleet()
	d := f.devices[0]
	one, consent := "/api/v1/devices/"+string(d), "/api/v1/customers/c1/log-consent"
	technician, owner := p.token(domain.ResellerTechnician, tenant, ""), p.token(domain.CustomerAdmin, tenant, "c1")
	if got := p.must(200, technician, "GET", consent, nil); got.body["allowed"] != false {
		t.Errorf("by default: %s", got.raw)
	}
	p.refused(409, "no_log_consent", technician, "POST", one+"/log", nil)
	p.refused(403, "forbidden", p.admin, "PUT", consent, map[string]any{"allowed": true})
	p.refused(404, "not_found", p.token(domain.CustomerAdmin, tenant, "c2"), "PUT", consent, map[string]any{"allowed": true})
	p.must(200, owner, "PUT", consent, map[string]any{"allowed": true})
	a := p.must(202, technician, "POST", one+"/log", nil)
	request := a.body["request"].(string)
	if again := p.must(202, technician, "POST", one+"/log", nil); again.body["request"] != request || again.body["changed"] != false {
		t.Errorf("asked again: %s", again.raw)
	}
	k, v := p.caughtUp()
	if got := p.must(200, technician, "GET", one, nil, k, v); at(got.body, "device", "pending_kind") != "log" {
		t.Errorf("the device: %s", got.raw)
	}
	p.refused(404, "not_found", technician, "GET", one+"/logs/"+request, nil)

	content := "a file that nobody here looks into"
	check(t, p.logs.Keep(t.Context(), domain.Scope{Tenant: tenant, Customer: "c1"}, d, device.RequestID(request), time.Now(), []byte(content)))
	p.say(d, uuid.MustParse(request), device.Complete{Tenant: tenant, Device: d, Request: device.RequestID(request), OK: true, Code: "done", Log: device.Log{Bytes: 34, SHA256: "x"}, At: time.Now()})
	got := p.must(200, technician, "GET", one+"/logs", nil)
	if items := list(got); len(items) != 1 || items[0]["id"] != request || items[0]["bytes"] != 34.0 {
		t.Errorf("the logs: %s", got.raw)
	}
	file := p.must(200, technician, "GET", one+"/logs/"+request, nil)
	if string(file.raw) != content || file.header.Get("Content-Type") != "application/gzip" || file.header.Get("Content-Disposition") == "" {
		t.Errorf("the file: %q %v", file.raw, file.header)
	}
	p.must(200, owner, "GET", one+"/logs/"+request, nil)
	log := p.must(200, p.admin, "GET", one+"/history", nil)
	downloads := 0
	for _, e := range list(log) {
		if e["type"] == "device.log_downloaded" {
			downloads++
		}
	}
	if downloads != 2 {
		t.Errorf("%d downloads stand in the device's history: %s", downloads, log.raw)
	}
	said := p.must(200, p.admin, "GET", "/api/v1/activities/"+request, nil)
	if at(said.body, "activity", "action") != "device.log" || at(said.body, "activity", "state") != "completed" || len(said.body["phases"].([]any)) != 3 {
		t.Errorf("the activity: %s", said.raw)
	}

	// Who has got the device since does not get what it wrote before.
	p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"})
	p.refused(404, "not_found", p.token(domain.CustomerAdmin, tenant, "c2"), "GET", one+"/logs/"+request, nil)
	p.refused(404, "not_found", owner, "GET", one+"/logs/"+request, nil)
	p.refused(409, "no_log_consent", technician, "POST", one+"/log", nil) // its new customer has not said so
}
