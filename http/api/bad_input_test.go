package api_test

import (
	"strings"
	"testing"
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
		"not UTF-8":              {"POST", customers, "{\"name\": \"\xff\xfe\"}", "malformed_json", ""},
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
		"no text":            {"GET", "/api/v1/devices?q=%ff", nil, "format", "q"},
		"a zero byte":        {"GET", "/api/v1/devices?os=a%00b", nil, "format", "os"},
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
