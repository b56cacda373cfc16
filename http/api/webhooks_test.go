package api_test

import (
	"strings"
	"testing"

	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/webhook"
	"avportal/eventstore"
)

const hooksPath = "/api/v1/webhooks"

func TestWebhooksAreKept(t *testing.T) {
	p := start(t)
	p.fleet()
	body := map[string]any{"name": "Tickets", "url": "https://hooks.invalid/av?token=s3cret", "kinds": []string{"outdated", "virus_found"}}
	a := p.must(201, p.admin, "POST", hooksPath, body, "Idempotency-Key", "k1")
	again := p.must(201, p.admin, "POST", hooksPath, body, "Idempotency-Key", "k1")
	one := a.header.Get("Location")
	secret, _ := a.body["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") || again.body["secret"] != secret || one != hooksPath+"/"+at(a.body, "webhook", "id").(string) {
		t.Errorf("created %s, again %s", a.raw, again.raw)
	}
	got := p.must(200, p.admin, "GET", hooksPath, nil)
	if items := list(got); len(items) != 1 || items[0]["url"] != body["url"] || items[0]["enabled"] != true || strings.Contains(string(got.raw), "whsec_") {
		t.Errorf("the webhooks: %s", got.raw)
	}
	if found := p.inLog([][]byte{[]byte("s3cret"), []byte("hooks.invalid"), []byte(strings.TrimPrefix(secret, "whsec_"))}); len(found) > 0 {
		t.Errorf("secrets stand in the log in clear: %s", found)
	}
	p.must(200, p.admin, "PATCH", one, map[string]any{"name": "PSA", "kinds": []string{"installed"}, "enabled": false})
	if w := list(p.must(200, p.admin, "GET", hooksPath, nil))[0]; w["name"] != "PSA" || w["url"] != body["url"] || w["enabled"] != false || w["disabled_because"] != "switched_off" {
		t.Errorf("changed: %v", w)
	}
	p.must(200, p.admin, "PATCH", one, map[string]any{"enabled": true})
	if s := p.must(200, p.admin, "POST", one+"/secret", nil).body["secret"]; s == secret || !strings.HasPrefix(s.(string), "whsec_") {
		t.Errorf("the other secret: %v", s)
	}
	if r := p.must(200, p.admin, "POST", one+"/test", nil); r.body["ok"] != false || r.body["status"] != nil || r.body["reason"] == nil {
		t.Errorf("the test: %s", r.raw)
	}

	id := p.tell(tenant, domain.NoticeInstalled, notice.Subject{Customer: "c1"}, notice.Facts{Name: "PC"})
	for r, err := range p.store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		check(t, p.webhooks.Follow(t.Context(), r))
	}
	if d := list(p.must(200, p.admin, "GET", one+"/deliveries", nil)); len(d) != 1 || d[0]["notice"] != id || d[0]["state"] != "waiting" || d[0]["next_at"] == nil || d[0]["attempted_at"] != nil {
		t.Errorf("the deliveries: %v", d)
	}
	p.must(200, p.admin, "DELETE", one, nil)
	p.refused(404, "not_found", p.admin, "PATCH", one, map[string]any{"enabled": true})
	p.refused(404, "not_found", p.admin, "GET", one+"/deliveries", nil)
}

func TestAddressesThatAreNotCalledAreNotKept(t *testing.T) {
	p := start(t)
	p.fleet()
	body := map[string]any{"name": "x", "kinds": []string{"outdated"}}
	for _, url := range []string{"http://hooks.invalid", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1", "https://hooks.invalid:8443/", "https://u:p@hooks.invalid/", "https://169.254.169.254/latest/"} {
		body["url"] = url
		p.refused(400, "invalid", p.admin, "POST", hooksPath, body)
	}
	body["url"] = "https://hooks.invalid/"
	for range webhook.MaxWebhooks {
		p.must(201, p.admin, "POST", hooksPath, body)
	}
	p.refused(409, "too_many_webhooks", p.admin, "POST", hooksPath, body)
}
