package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/http/api/tokens"
)

// Input that is wrong in every way is a problem with a stable code, and leaves nothing behind.
func TestBadInput(t *testing.T) {
	p := start(t)
	f := p.fleet()
	devices := "/api/v1/devices/" + string(f.devices[0])
	const customers, groups = "/api/v1/customers", "/api/v1/groups"
	long := strings.Repeat("x", 101)
	for name, c := range map[string]struct {
		method, path string
		body         any
		fault        string // code of the first entry of errors
		pointer      string
	}{
		"malformed":              {"POST", customers, `{"name": "x"`, "malformed_json", ""},
		"two values":             {"POST", customers, `{"name": "x"} {}`, "malformed_json", ""},
		"empty":                  {"POST", customers, ``, "malformed_json", ""},
		"not UTF-8":              {"POST", customers, "{\"name\": \"\xff\xfe\"", "malformed_json", ""},
		"an array":               {"POST", customers, `[]`, "type", ""},
		"null":                   {"POST", customers, `null`, "type", ""},
		"unknown field":          {"POST", customers, `{"name": "x", "tenant": "y"}`, "unknown_field", ""},
		"unknown field inside":   {"PATCH", "/api/v1/reseller", `{"thresholds": {"moon": 1}}`, "unknown_field", "/thresholds"},
		"field twice":            {"POST", customers, `{"name": "x", "name": "y"}`, "duplicate_field", ""},
		"field twice inside":     {"PATCH", "/api/v1/reseller", `{"thresholds": {"stale_days": 40, "stale_days": 41}}`, "duplicate_field", ""},
		"wrong type":             {"POST", customers, `{"name": 1}`, "type", "/name"},
		"null field":             {"POST", customers, `{"name": null}`, "type", "/name"},
		"missing field":          {"POST", customers, `{"number": "1"}`, "required", "/name"},
		"too long":               {"POST", customers, map[string]any{"name": long}, "too_long", "/name"},
		"too short":              {"POST", customers, `{"name": ""}`, "too_short", "/name"},
		"nothing but blanks":     {"POST", customers, `{"name": "   "}`, "invalid", "/name"},
		"text turned around":     {"POST", customers, map[string]any{"name": "a\u202eb"}, "invalid", "/name"},
		"not an id":              {"POST", customers, `{"name": "x", "id": "a/b"}`, "pattern", "/id"},
		"not one of them":        {"POST", devices + "/scan", `{"profile": "deep"}`, "enum", "/profile"},
		"deep":                   {"POST", customers, strings.Repeat("[", 33) + strings.Repeat("]", 33), "too_deep", ""},
		"very deep":              {"POST", customers, strings.Repeat(`{"a":`, 100_000), "too_deep", ""},
		"no fields":              {"PATCH", "/api/v1/licenses/l1", `{}`, "too_few", ""},
		"too many seats":         {"PATCH", "/api/v1/licenses/l1", `{"seats": 1000001}`, "too_large", "/seats"},
		"half a seat":            {"PATCH", "/api/v1/licenses/l1", `{"seats": 1.5}`, "type", "/seats"},
		"seats beyond count":     {"PATCH", "/api/v1/licenses/l1", `{"seats": 1e400}`, "type", "/seats"},
		"no date":                {"POST", "/api/v1/licenses/l1/renew", `{"term_years": 1, "valid_until": "tomorrow"}`, "format", "/valid_until"},
		"no such day":            {"POST", "/api/v1/licenses/l1/renew", `{"term_years": 1, "valid_until": "2031-02-30T00:00:00Z"}`, "format", ""},
		"no such term":           {"POST", "/api/v1/licenses/l1/renew", `{"term_years": 4, "valid_until": "2031-02-03T00:00:00Z"}`, "enum", "/term_years"},
		"label and group":        {"PATCH", devices, `{"label": "a", "group": "l1.main"}`, "too_many", ""},
		"no devices":             {"POST", "/api/v1/devices/update", `{"devices": []}`, "too_few", "/devices"},
		"too many devices":       {"POST", "/api/v1/devices/update", map[string]any{"devices": make([]string, 5001)}, "too_many", "/devices"},
		"a body too many":        {"POST", devices + "/update", `{}`, "body", ""},
		"a body to a read":       {"GET", customers, `{}`, "body", ""},
		"thresholds out of turn": {"PATCH", "/api/v1/reseller", `{"thresholds": {"stale_days": 5}}`, "invalid", "/stale_days"},
		"another tree's parent":  {"POST", groups, `{"license": "l1", "parent": "l2.main", "name": "x"}`, "unknown_group", "/parent"},

		"unknown parameter":  {"GET", customers + "?colour=red", nil, "unknown_parameter", "colour"},
		"parameter twice":    {"GET", customers + "?q=a&q=b", nil, "duplicate_parameter", "q"},
		"not encoded":        {"GET", customers + "?q=%zz", nil, "malformed_query", ""},
		"semicolon":          {"GET", customers + "?q=a;limit=1", nil, "malformed_query", ""},
		"limit too large":    {"GET", customers + "?limit=201", nil, "too_large", "limit"},
		"limit no number":    {"GET", customers + "?limit=many", nil, "type", "limit"},
		"limit negative":     {"GET", customers + "?limit=-1", nil, "too_small", "limit"},
		"sort by injection":  {"GET", "/api/v1/devices?sort=hostname%3B+DROP+TABLE+device", nil, "pattern", "sort"},
		"state unknown":      {"GET", "/api/v1/devices?contact=online,gone", nil, "enum", "contact"},
		"boolean no boolean": {"GET", "/api/v1/devices?infected=perhaps", nil, "type", "infected"},
		"cursor made up":     {"GET", "/api/v1/devices?cursor=AAAA", nil, "invalid_cursor", "/cursor"},
		"id no id":           {"GET", "/api/v1/devices/a%20b", nil, "pattern", "id"},
		"activity no UUID":   {"GET", "/api/v1/activities/7", nil, "format", "id"},
		"long search":        {"GET", "/api/v1/devices?q=" + long, nil, "too_long", "q"},
		"period no time":     {"GET", "/api/v1/activities?from=yesterday", nil, "format", "from"},
	} {
		a := p.refused(400, codeOf(c.fault), p.admin, c.method, c.path, c.body)
		errors, _ := a.body["errors"].([]any)
		if len(errors) == 0 || at(errors[0], "code") != c.fault || c.pointer != "" && at(errors[0], "pointer") != c.pointer {
			t.Errorf("%s: %s, want %s at %q", name, a.raw, c.fault, c.pointer)
		}
	}
	for header, value := range map[string]string{"Portal-After": "soon", "If-Match": "1", "Idempotency-Key": "a b", "Last-Event-ID": "x"} {
		method, path, body := "PATCH", devices, any(map[string]any{"label": "x"})
		switch header {
		case "Portal-After":
			method, path, body = "GET", customers, nil
		case "Last-Event-ID":
			method, path, body = "GET", "/api/v1/events", nil
		}
		p.refused(400, "invalid_request", p.admin, method, path, body, header, value)
	}
}

// codeOf is the problem's own code: faults of the form share one, refusals of the domain keep theirs.
func codeOf(fault string) string {
	switch fault {
	case "invalid", "invalid_cursor", "unknown_group":
		return fault
	}
	return "invalid_request"
}

func TestBodies(t *testing.T) {
	p := start(t)
	p.fleet()
	const path = "/api/v1/customers"
	p.refused(413, "body_too_large", p.admin, "POST", path, `{"name": "`+strings.Repeat("x", 10<<20)+`"}`)
	p.refused(413, "body_too_large", p.admin, "POST", path, strings.Repeat(" ", 1<<20+1))
	p.refused(415, "unsupported_media_type", p.admin, "POST", path, `{"name": "x"}`, "Content-Type", "text/plain")
	p.refused(415, "unsupported_media_type", p.admin, "POST", path, `{"name": "x"}`, "Content-Type", "application/xml")
	p.refused(415, "unsupported_media_type", p.admin, "POST", path, `name=x`, "Content-Type", "application/x-www-form-urlencoded")
	p.must(201, p.admin, "POST", path, `{"name": "x"}`, "Content-Type", "application/json; charset=utf-8")
}

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

var idOfRequest = regexp.MustCompile(`"request_id":"[A-Z0-9]+"`)

// What belongs to somebody else can't be told from what is not there, byte by byte, in paths, bodies and queries.
func TestForeignIsNotExisting(t *testing.T) {
	p := start(t)
	f := p.fleet()
	for who, c := range map[string]struct {
		token                            string
		customer, license, group, device string
	}{
		"another reseller":    {p.admin, "b1", "lb", "lb.main", string(f.stranger)},
		"another customer":    {p.token(domain.CustomerAdmin, tenant, "c1"), "c2", "l2", "l2.main", string(f.beside)},
		"a customer as admin": {p.token(domain.ResellerAdmin, tenant, "c1"), "c2", "l2", "l2.main", string(f.beside)},
	} {
		mine := string(f.devices[0])
		for _, r := range []struct {
			method, path, body string
			there, missing     string
		}{
			{"GET", "/customers/%s", "", c.customer, "nobody"},
			{"PATCH", "/customers/%s", `{"name": "x"}`, c.customer, "nobody"},
			{"GET", "/dashboard?customer=%s", "", c.customer, "nobody"},
			{"GET", "/licenses/%s", "", c.license, "none"},
			{"PATCH", "/licenses/%s", `{"name": "x", "seats": 3}`, c.license, "none"},
			{"POST", "/licenses/%s/renew", `{"term_years": 1, "valid_until": "2036-01-01T00:00:00Z"}`, c.license, "none"},
			{"GET", "/groups?license=%s", "", c.license, "none"},
			{"GET", "/groups?customer=%s", "", c.customer, "nobody"},
			{"POST", "/groups", `{"license": "%s", "parent": "x.main", "name": "x"}`, c.license, "none"},
			{"PATCH", "/groups/%s", `{"name": "x"}`, c.group, "none.main"},
			{"PATCH", "/groups/%s", `{"parent": "l1.main"}`, c.group, "none.main"},
			{"DELETE", "/groups/%s", "", c.group, "none.main"},
			{"GET", "/devices?customer=%s", "", c.customer, "nobody"},
			{"GET", "/devices?license=%s&count=true", "", c.license, "none"},
			{"GET", "/devices?group=%s", "", c.group, "none.main"},
			{"GET", "/devices/%s", "", c.device, "gone"},
			{"PATCH", "/devices/%s", `{"label": "x"}`, c.device, "gone"},
			{"PATCH", "/devices/%s", `{"group": "l1.main"}`, c.device, "gone"},
			{"PATCH", "/devices/" + mine, `{"group": "%s"}`, c.group, "none.main"},
			{"DELETE", "/devices/%s", "", c.device, "gone"},
			{"POST", "/devices/%s/scan", `{"profile": "quick"}`, c.device, "gone"},
			{"POST", "/devices/%s/update", "", c.device, "gone"},
			{"DELETE", "/devices/%s/requests/x", "", c.device, "gone"},
			{"GET", "/devices/%s/history", "", c.device, "gone"},
			{"POST", "/devices/move", `{"devices": ["` + mine + `", "%s"], "group": "l1.main"}`, c.device, "gone"},
			{"POST", "/devices/move", `{"devices": ["` + mine + `"], "group": "%s"}`, c.group, "none.main"},
			{"POST", "/devices/scan", `{"devices": ["%s", "` + mine + `"], "profile": "quick"}`, c.device, "gone"},
			{"POST", "/devices/update", `{"devices": ["` + mine + `", "%s"]}`, c.device, "gone"},
			{"GET", "/activities?device=%s", "", c.device, "gone"},
		} {
			before := p.head()
			answers := [2]string{}
			for i, id := range []string{r.there, r.missing} {
				path, body := r.path, any(nil)
				if strings.Contains(path, "%s") {
					path = fmt.Sprintf(path, id)
				}
				if r.body != "" {
					body = strings.ReplaceAll(r.body, "%s", id)
				}
				a := p.request(c.token, r.method, "/api/v1"+path, body)
				a.raw = idOfRequest.ReplaceAll(a.raw, nil)
				answers[i] = fmt.Sprint(a.status, " ", strings.ReplaceAll(string(a.raw), id, "ID"))
			}
			if answers[0] != answers[1] {
				if c.token != p.admin && r.method != "GET" && strings.HasPrefix(answers[0], "403") {
					continue // not allowed to begin with
				}
				t.Errorf("%s: %s %s %s: a foreign one answers\n%s, one that is not there\n%s", who, r.method, r.path, r.body, answers[0], answers[1])
			}
			if strings.HasPrefix(answers[0], "2") && !strings.Contains(answers[0], `"items":[]`) {
				t.Errorf("%s: %s %s answers %s", who, r.method, r.path, answers[0])
			}
			if p.head() != before {
				t.Errorf("%s: %s %s has changed the log", who, r.method, r.path)
			}
		}
	}
}

// A foreign device at any place of a list refuses the whole.
func TestOneForeignDeviceRefusesAJob(t *testing.T) {
	p := start(t)
	f := p.fleet()
	for i := range f.devices {
		ids := append(append(append([]domain.DeviceID{}, f.devices[:i]...), f.stranger), f.devices[i:]...)
		p.refused(404, "not_found", p.admin, "POST", "/api/v1/devices/scan", map[string]any{"devices": ids, "profile": "quick"})
	}
}

func TestCursorsOfOthers(t *testing.T) {
	p := start(t)
	p.fleet()
	other := p.token(domain.ResellerAdmin, foreign, "")
	limited := p.token(domain.CustomerAdmin, tenant, "c1")
	for path, filter := range map[string]string{"/devices": "customer=c1", "/licenses": "customer=c1", "/customers": "q=C", "/activities": "customer=c1", "/groups": "license=l1"} {
		k, v := p.caughtUp()
		headers := []string{k, v}
		if path == "/activities" {
			headers = nil
		}
		a := p.must(200, p.admin, "GET", "/api/v1"+path+"?limit=1", nil, headers...)
		cursor, _ := a.body["next_cursor"].(string)
		if cursor == "" {
			t.Fatalf("%s: no cursor: %s", path, a.raw)
		}
		p.must(200, p.admin, "GET", "/api/v1"+path+"?limit=1&cursor="+cursor, nil)
		for _, token := range []string{other, limited} {
			p.refused(400, "invalid_cursor", token, "GET", "/api/v1"+path+"?limit=1&cursor="+cursor, nil)
		}
		p.refused(400, "invalid_cursor", p.admin, "GET", "/api/v1"+path+"?"+filter+"&limit=1&cursor="+cursor, nil)
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
