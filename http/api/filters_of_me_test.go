package api_test

import (
	"strings"
	"testing"
)

func TestFiltersAreSavedChangedAndDeleted(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.invite(p.admin, "vera@huber.example", "customer_readonly", "c1")
	p.accept(id)
	me := p.asMember(id)
	const filters = "/api/v1/me/filters"
	infected := map[string]any{"table": "devices", "name": "Infected", "query": map[string]any{"infected": "true", "signatures": "outdated,critical", "sort": "-last_seen"}, "default": true}
	a := p.must(201, me, "POST", filters, infected, "Idempotency-Key", "k1")
	again := p.must(201, me, "POST", filters, infected, "Idempotency-Key", "k1")
	one := filters + "/" + a.body["id"].(string)
	if a.body["id"] != again.body["id"] || a.header.Get("Location") != one {
		t.Errorf("saved %s at %s, again %s", a.raw, a.header.Get("Location"), again.raw)
	}
	p.refused(409, "filter_name_taken", me, "POST", filters, map[string]any{"table": "devices", "name": "infected", "query": map[string]any{"q": "pc"}})
	p.must(201, me, "POST", filters, map[string]any{"table": "licenses", "name": "Infected", "query": map[string]any{"state": "expiring"}})
	b := p.must(201, me, "POST", filters, map[string]any{"table": "devices", "name": "Empfang", "query": map[string]any{"q": "Empfang & Co"}})
	got := p.must(200, me, "GET", filters+"?table=devices", nil)
	if items := list(got); len(items) != 2 || items[0]["name"] != "Empfang" || items[0]["default"] != false || at(items[0], "query", "q") != "Empfang & Co" ||
		items[1]["id"] != a.body["id"] || items[1]["default"] != true || at(items[1], "query", "signatures") != "outdated,critical" {
		t.Errorf("the filters: %s", got.raw)
	}
	p.must(200, me, "PATCH", filters+"/"+b.body["id"].(string), map[string]any{"name": "Desk", "query": map[string]any{"q": "desk"}, "default": true}, "If-Match", got.header.Get("ETag"))
	p.refused(412, "stale_revision", me, "PATCH", one, map[string]any{"name": "x"}, "If-Match", got.header.Get("ETag"))
	got = p.must(200, me, "GET", filters, nil)
	if items := list(got); len(items) != 3 || items[0]["name"] != "Desk" || items[0]["default"] != true || items[1]["default"] == items[0]["default"] {
		t.Errorf("changed: %s", got.raw)
	}
	p.must(200, me, "DELETE", one, nil)
	p.refused(404, "not_found", me, "DELETE", one, nil)
	p.refused(404, "not_found", me, "PATCH", one, map[string]any{"name": "x"})
	if got := p.must(200, me, "GET", filters, nil); len(list(got)) != 2 {
		t.Errorf("after one has gone: %s", got.raw)
	}
	if found := p.inLog([][]byte{[]byte("Desk"), []byte("desk"), []byte("Infected")}); len(found) > 0 {
		t.Errorf("what a person searches for stands in the log in clear: %s", found)
	}
}

// A filter that its list would refuse is not saved, and the answer names the parameter.
func TestFiltersAreHeldAgainstTheirList(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.invite(p.admin, "vera@huber.example", "customer_readonly", "c1")
	p.accept(id)
	me := p.asMember(id)
	for name, query := range map[string]map[string]any{
		"made_up": {"made_up": "1"}, "infected": {"infected": "perhaps"}, "sort": {"sort": "-weight"}, "signatures": {"signatures": "old,older"},
		"cursor": {"cursor": "x"}, "limit": {"limit": "10"}, "as_of": {"as_of": "2026-01-01T00:00:00Z"}, "state": {"state": "valid"}, "group": {"group": "../x"},
		"q": {"q": strings.Repeat("x", 101)}, "a~1b": {"a/b": "x"}, "os": {"os": "\x00"},
	} {
		a := p.refused(400, "invalid_request", me, "POST", "/api/v1/me/filters", map[string]any{"table": "devices", "name": "x", "query": query})
		if !strings.Contains(string(a.raw), `"/query/`+name+`"`) {
			t.Errorf("%s is refused without being named: %s", name, a.raw)
		}
	}
	a := p.must(201, me, "POST", "/api/v1/me/filters", map[string]any{"table": "licenses", "name": "x", "query": map[string]any{"state": "valid"}})
	p.refused(400, "invalid_request", me, "PATCH", "/api/v1/me/filters/"+a.body["id"].(string), map[string]any{"query": map[string]any{"infected": "true"}})
	p.refused(400, "invalid_request", me, "POST", "/api/v1/me/filters", map[string]any{"table": "devices", "name": "x", "query": map[string]any{}})
}

// Nobody sees or touches those of another, of the same organization or not; tokens have none.
func TestFiltersAreOnesOwn(t *testing.T) {
	p := start(t)
	p.fleet()
	vera, eva := p.invite(p.admin, "vera@huber.example", "customer_admin", "c1"), p.invite(p.admin, "eva@huber.example", "customer_admin", "c1")
	p.accept(vera)
	p.accept(eva)
	body := map[string]any{"table": "devices", "name": "Mine", "query": map[string]any{"q": "pc"}}
	mine := p.must(201, p.asMember(vera), "POST", "/api/v1/me/filters", body).body["id"].(string)
	other := p.asMember(eva)
	p.must(201, other, "POST", "/api/v1/me/filters", body)
	if got := p.must(200, other, "GET", "/api/v1/me/filters", nil); len(list(got)) != 1 || list(got)[0]["id"] == mine {
		t.Errorf("another's filters: %s", got.raw)
	}
	p.refused(404, "not_found", other, "PATCH", "/api/v1/me/filters/"+mine, map[string]any{"name": "Yours"})
	p.refused(404, "not_found", other, "DELETE", "/api/v1/me/filters/"+mine, nil)
	p.refused(409, "no_profile", p.admin, "GET", "/api/v1/me/filters", nil)
	p.refused(409, "no_profile", p.admin, "POST", "/api/v1/me/filters", body)
	p.refused(409, "no_profile", p.admin, "DELETE", "/api/v1/me/filters/"+mine, nil)
}
