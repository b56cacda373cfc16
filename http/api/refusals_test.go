package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/http/api/tokens"
)

func TestWithoutAValidToken(t *testing.T) {
	p := start(t)
	p.fleet()
	other := p.token(domain.ResellerAdmin, tenant, "")
	check(t, p.vault.Revoke(t.Context(), domain.Scope{Tenant: tenant}, p.tokenID(other)))
	_, short, err := p.vault.Create(t.Context(), tokens.Grant{Name: "short", Role: domain.ResellerAdmin, Tenant: tenant, Lifetime: time.Hour})
	check(t, err)
	p.must(200, short, "GET", "/api/v1/me", nil)
	p.mu.Lock()
	p.now = time.Now().Add(2 * time.Hour)
	p.mu.Unlock()
	defer func() { p.now = time.Time{} }()
	for name, token := range map[string]string{
		"none": "", "of another scheme": "abc", "unknown": "avp_" + strings.Repeat("a", 58), "with a typing error": mistyped(p.admin),
		"revoked": other, "expired": short, "very long": "avp_" + strings.Repeat("a", 4000),
	} {
		for _, path := range []string{"/api/v1/me", "/api/v1/devices", "/api/v1/events", "/api/v1/customers/c1", "/api/v1/devices?nonsense=1"} {
			a := p.refused(401, "unauthorized", token, "GET", path, nil)
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("a token %s: no WWW-Authenticate", name)
			}
		}
		p.refused(401, "unauthorized", token, "POST", "/api/v1/customers", `{"broken`)
	}
	p.must(200, p.admin, "GET", "/api/v1/me", nil)
}

func mistyped(secret string) string {
	b := []byte(secret)
	if b[10]++; b[10] > 'y' {
		b[10] = 'a'
	}
	return string(b)
}

func (p *portal) tokenID(secret string) uuid.UUID {
	p.Helper()
	token, err := p.vault.Authenticate(p.Context(), secret)
	check(p, err)
	return token.ID
}

// 405 stays 405, whatever stands beside it, and no trick with paths reaches a handler.
func TestAddresses(t *testing.T) {
	p := start(t)
	for _, c := range [][2]string{
		{"DELETE", "/customers"}, {"PUT", "/customers/c1"}, {"POST", "/devices"}, {"PUT", "/devices/x"}, {"GET", "/devices/x/scan"},
		{"POST", "/devices/x/history"}, {"POST", "/groups/x"}, {"GET", "/groups/x"}, {"POST", "/dashboard"}, {"DELETE", "/jobs/x"}, {"PATCH", "/tokens"},
		{"GET", "/resellers"}, {"POST", "/events"}, {"HEAD", "/me"}, {"OPTIONS", "/devices"}, {"TRACE", "/me"}, {"BREW", "/me"},
	} {
		a := p.request(p.admin, c[0], "/api/v1"+c[1], nil)
		if a.status != http.StatusMethodNotAllowed || c[0] != "HEAD" && a.body["code"] != "method_not_allowed" {
			t.Errorf("%s %s: %d %s, want 405", c[0], c[1], a.status, a.raw)
		}
	}
	for _, path := range []string{
		"/", "/api", "/api/v1", "/api/v1/", "/api/v2/me", "/api/v1/setup", "/api/v1//me", "/api/v1/me/", "/api/v1/./me", "/api/v1/customers/../me",
		"/api/v1/me;x=1", "/api/v1/customers/a%2fb", "/API/V1/ME", "/api/v1/me%00", "/livez/", "/metrics/x",
	} {
		p.refused(404, "no_such_address", p.admin, "GET", path, nil)
	}
}

// Who has no right is refused before anything is looked at, and reading never changes anything.
func TestRoles(t *testing.T) {
	p := start(t)
	f := p.fleet()
	readOnly, customer := p.token(domain.ResellerReadOnly, tenant, ""), p.token(domain.CustomerReadOnly, tenant, "c1")
	auditor, operator := p.token(domain.Auditor, tenant, ""), p.token(domain.Operator, "", "")
	limited := p.token(domain.CustomerAdmin, tenant, "c1")
	one := "/devices/" + string(f.devices[0])
	unsafe := [][3]string{
		{"POST", "/customers", `{"name": "x"}`}, {"PATCH", "/customers/c1", `{"name": "x"}`}, {"PATCH", "/licenses/l1", `{"seats": 3}`},
		{"POST", "/licenses/l1/renew", `{}`}, {"POST", "/groups", `{"license": "l1", "parent": "l1.main", "name": "x"}`},
		{"PATCH", "/groups/l1.main", `{"name": "x"}`}, {"DELETE", "/groups/l1.main", ""}, {"PATCH", one, `{"label": "x"}`}, {"DELETE", one, ""},
		{"POST", one + "/scan", `{"profile": "quick"}`}, {"POST", one + "/update", ""}, {"DELETE", one + "/requests/x", ""},
		{"POST", "/devices/move", `{"devices": ["x"], "group": "l1.main"}`}, {"POST", "/devices/scan", `{"devices": ["x"], "profile": "quick"}`},
		{"POST", "/devices/update", `{"devices": ["x"]}`}, {"PATCH", "/reseller", `{"name": "x"}`}, {"POST", "/resellers", `{"name": "x"}`},
		{"POST", "/tokens", `{"name": "x", "role": "auditor"}`}, {"DELETE", "/tokens/" + uuid.NewString(), ""}, {"POST", "/licenses", `{}`},
	}
	for _, c := range unsafe {
		var body any
		if c[2] != "" {
			body = c[2]
		}
		for _, token := range []string{readOnly, customer, auditor} {
			p.refused(403, "forbidden", token, c[0], "/api/v1"+c[1], body)
		}
		if c[1] != "/resellers" {
			p.refused(403, "forbidden", operator, c[0], "/api/v1"+c[1], body)
		}
	}
	for _, path := range []string{"/reseller", "/tokens"} {
		p.refused(403, "forbidden", limited, "GET", "/api/v1"+path, nil)
	}
	p.refused(403, "forbidden", auditor, "GET", "/api/v1/devices", nil)
	p.refused(403, "forbidden", readOnly, "GET", "/api/v1/activities", nil)
	before := p.head()
	for _, path := range []string{"/dashboard", "/customers", "/customers/c1", "/licenses", "/licenses/l1", "/groups", "/devices", one, "/jobs", "/reseller", "/me"} {
		p.must(200, readOnly, "GET", "/api/v1"+path, nil)
	}
	for _, path := range []string{"/activities", one + "/history"} {
		p.must(200, auditor, "GET", "/api/v1"+path, nil)
	}
	if p.head() != before {
		t.Error("reading has changed the log")
	}
	if a := p.must(200, readOnly, "GET", "/api/v1/licenses/l1", nil); a.body["tid"] != nil {
		t.Errorf("who may only read is shown the TID: %s", a.raw)
	}
}

func TestRulesOfTheDomain(t *testing.T) {
	p := start(t)
	f := p.fleet()
	old := "/api/v1/devices/" + string(f.expired)
	for _, c := range [][3]string{
		{"PATCH", old, `{"label": "x"}`}, {"POST", old + "/scan", `{"profile": "quick"}`}, {"PATCH", "/api/v1/licenses/lx", `{"name": "x"}`},
		{"PATCH", old, `{"group": "l1.main"}`}, {"PATCH", "/api/v1/devices/" + string(f.devices[0]), `{"group": "lx.main"}`},
		{"POST", "/api/v1/groups", `{"license": "lx", "parent": "lx.main", "name": "x"}`}, {"PATCH", "/api/v1/groups/lx.main", `{"name": "x"}`},
	} {
		p.refused(409, "license_expired", p.admin, c[0], c[1], c[2])
	}
	p.refused(409, "main_group", p.admin, "DELETE", "/api/v1/groups/l1.main", nil)
	p.refused(409, "renewal_not_forward", p.admin, "POST", "/api/v1/licenses/l1/renew", map[string]any{"term_years": 1, "valid_until": time.Now()})
	p.refused(409, "seats_in_use", p.admin, "PATCH", "/api/v1/licenses/l1", map[string]any{"name": "Other", "seats": 1})
	p.refused(404, "unknown_command", p.admin, "DELETE", "/api/v1/devices/"+string(f.devices[0])+"/requests/"+uuid.NewString(), nil)
	p.must(200, p.admin, "POST", "/api/v1/licenses/lx/renew", map[string]any{"term_years": 1, "valid_until": time.Now().AddDate(1, 0, 0)})
	p.must(200, p.admin, "PATCH", old, map[string]any{"label": "x"})
}

func TestIfMatch(t *testing.T) {
	p := start(t)
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	k, v := p.caughtUp()
	tag := p.must(200, p.admin, "GET", one, nil, k, v).header.Get("ETag")
	a := p.must(200, p.admin, "PATCH", one, map[string]any{"label": "a"}, "If-Match", tag)
	if a.header.Get("ETag") == tag {
		t.Error("a change has left the ETag as it was")
	}
	p.refused(412, "stale_revision", p.admin, "PATCH", one, map[string]any{"label": "b"}, "If-Match", tag)
	p.refused(412, "stale_revision", p.admin, "PATCH", one, map[string]any{"group": "l2.main"}, "If-Match", tag)
	p.refused(412, "stale_revision", p.admin, "DELETE", one, nil, "If-Match", tag)
	p.refused(412, "stale_revision", p.admin, "POST", one+"/scan", map[string]any{"profile": "quick"}, "If-Match", tag)
	p.refused(412, "stale_revision", p.admin, "PATCH", "/api/v1/reseller", map[string]any{"name": "x"}, "If-Match", `"7"`)
	moved := p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"}, "If-Match", a.header.Get("ETag"), "Idempotency-Key", "m")
	again := p.must(200, p.admin, "PATCH", one, map[string]any{"group": "l2.main"}, "If-Match", a.header.Get("ETag"), "Idempotency-Key", "m")
	if string(moved.raw) != string(again.raw) {
		t.Errorf("a repeated move answers %s, was %s", again.raw, moved.raw)
	}
}

// The same key and body have the same answer and leave one set of events; the same key with another body is refused.
func TestIdempotencyKey(t *testing.T) {
	p := start(t)
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	for _, c := range []struct {
		method, path string
		body, other  any
	}{
		{"POST", "/api/v1/customers", `{"name": "Doppelt"}`, `{"name": "Anders"}`},
		{"POST", "/api/v1/licenses", `{"customer": "c1", "name": "L", "kind": "msp", "seats": 0, "valid_from": "2026-01-01T00:00:00Z"}`, `{"customer": "c1", "name": "M", "kind": "msp", "seats": 0, "valid_from": "2026-01-01T00:00:00Z"}`},
		{"POST", "/api/v1/groups", `{"license": "l1", "parent": "l1.main", "name": "G"}`, `{"license": "l1", "parent": "l1.main", "name": "H"}`},
		{"PATCH", "/api/v1/licenses/l1", `{"name": "N", "seats": 11}`, `{"name": "N", "seats": 12}`},
		{"PATCH", one, `{"label": "L"}`, `{"label": "M"}`},
		{"POST", one + "/scan", `{"profile": "quick"}`, `{"profile": "full"}`},
		{"DELETE", "/api/v1/devices/" + string(f.devices[1]) + "?reason=a", nil, nil},
		{"PATCH", "/api/v1/reseller", `{"name": "R"}`, `{"name": "S"}`},
	} {
		first := p.request(p.admin, c.method, c.path, c.body, "Idempotency-Key", "k")
		if first.status >= 300 {
			t.Errorf("%s %s: %s", c.method, c.path, first.raw)
		}
		before := p.head()
		again := p.request(p.admin, c.method, c.path, c.body, "Idempotency-Key", "k")
		if again.status != first.status || string(again.raw) != string(first.raw) || p.head() != before {
			t.Errorf("%s %s again: %d %s, first %d %s", c.method, c.path, again.status, again.raw, first.status, first.raw)
		}
		if c.other != nil {
			p.refused(422, "idempotency_key_reused", p.admin, c.method, c.path, c.other, "Idempotency-Key", "k")
		}
	}
	// Somebody else's key is another key.
	p.must(201, p.token(domain.ResellerAdmin, foreign, ""), "POST", "/api/v1/customers", `{"name": "Doppelt"}`, "Idempotency-Key", "k")
}

func TestPortalAfter(t *testing.T) {
	p := start(t)
	p.fleet()
	a := p.refused(503, "not_yet", p.admin, "GET", "/api/v1/customers", nil, "Portal-After", "9000000000000000000/9000000000000000000")
	if a.header.Get("Retry-After") == "" || a.body["position"] == nil {
		t.Errorf("not yet: %v %s", a.header, a.raw)
	}
}

func TestOtherOrigins(t *testing.T) {
	p := start(t)
	p.refused(403, "cross_origin", p.admin, "POST", "/api/v1/customers", `{"name": "x"}`, "Sec-Fetch-Site", "cross-site")
	p.refused(403, "cross_origin", p.admin, "POST", "/api/v1/customers", `{"name": "x"}`, "Origin", "https://evil.example")
	if a := p.must(200, p.admin, "GET", "/api/v1/me", nil, "Origin", "https://evil.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin may read")
	}
}
