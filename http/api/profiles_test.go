package api_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"avportal/domain"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// profile makes a profile and answers its id.
func (p *portal) profile(token string, body map[string]any) string {
	p.Helper()
	return p.must(201, token, "POST", "/api/v1/profiles", body).body["id"].(string)
}

// settings reads the settings of a profile, to be changed and sent back.
func (p *portal) settings(id string) (map[string]any, string) {
	p.Helper()
	k, v := p.caughtUp()
	a := p.must(200, p.admin, "GET", "/api/v1/profiles/"+id, nil, k, v)
	return a.body["settings"].(map[string]any), a.header.Get("ETag")
}

func (p *portal) wholeLog() []byte {
	p.Helper()
	var all []byte
	for r, err := range p.store.ReadAll(p.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(p, err)
		all = append(append(all, r.Data...), '\n')
	}
	return all
}

func TestProfiles(t *testing.T) {
	p := start(t)
	p.fleet()
	a := p.must(201, p.admin, "POST", "/api/v1/profiles", map[string]any{"name": "Praxen", "owner": "c1"}, "Idempotency-Key", "k1")
	id := a.body["id"].(string)
	if a.header.Get("Location") != "/api/v1/profiles/"+id || a.header.Get("ETag") != `"0"` {
		t.Errorf("a new profile: %v", a.header)
	}
	if again := p.must(201, p.admin, "POST", "/api/v1/profiles", map[string]any{"name": "Praxen", "owner": "c1"}, "Idempotency-Key", "k1"); again.body["id"] != id {
		t.Errorf("repeated: %s", again.raw)
	}
	one := "/api/v1/profiles/" + id
	settings, tag := p.settings(id)
	if at(settings, "protection", "realtime") != true || at(settings, "autoscan", "schedule", "every") != "weekly" || at(settings, "lock", "set") != false {
		t.Errorf("the defaults are %v", settings)
	}
	settings["protection"].(map[string]any)["spam"] = false
	settings["exclusions"] = map[string]any{"paths": []string{`C:\SQL`}, "max_file_mb": 100}
	settings["scan_profiles"] = []any{map[string]any{"id": "data", "name": "Daten", "paths": []string{`D:\`}}}
	settings["autoscan"] = map[string]any{"enabled": true, "scan": "data", "schedule": map[string]any{"every": "monthly", "day": 31, "time": "23:30"}}
	settings["notifications"] = map[string]any{"recipients": []any{map[string]any{"address": "it@example.org", "kinds": []string{"outdated", "virus_found"}, "delivery": "daily"}}}
	saved := p.must(200, p.admin, "PUT", one+"/settings", settings, "If-Match", tag)
	if saved.body["edition"] != 2.0 || saved.body["changed"] != true || saved.body["job"] != nil {
		t.Errorf("saved: %s", saved.raw)
	}
	p.refused(412, "stale_revision", p.admin, "PUT", one+"/settings", map[string]any{
		"protection": settings["protection"], "mail": settings["mail"], "autoscan": settings["autoscan"], "updates": map[string]any{"product": false},
		"exclusions": map[string]any{"max_file_mb": 0}, "lock": map[string]any{}, "notifications": map[string]any{},
	}, "If-Match", tag)
	now, _ := p.settings(id)
	if at(now, "exclusions", "paths").([]any)[0] != `C:\SQL` || at(now, "autoscan", "schedule", "day") != 31.0 || len(at(now, "notifications", "recipients").([]any)) != 1 {
		t.Errorf("after saving: %v", now)
	}
	if same := p.must(200, p.admin, "PUT", one+"/settings", now); same.body["changed"] != false || same.body["edition"] != 2.0 { // what was read can be sent back
		t.Errorf("saved as it was: %s", same.raw)
	}
	p.must(200, p.admin, "PATCH", one, map[string]any{"name": "Arztpraxen"})
	back := p.must(200, p.admin, "POST", one+"/restore", map[string]any{"edition": 1})
	if back.body["edition"] != 3.0 {
		t.Errorf("restored: %s", back.raw)
	}
	editions := p.must(200, p.admin, "GET", one+"/editions?limit=2", nil)
	rest := p.must(200, p.admin, "GET", one+"/editions?limit=2&cursor="+editions.body["next_cursor"].(string), nil)
	if e := append(list(editions), list(rest)...); len(e) != 3 || e[0]["restores"] != 1.0 || e[1]["edition"] != 2.0 || at(e[1], "actor", "id") != "u-reseller_admin" ||
		fmt.Sprint(e[1]["sections"]) != "[protection autoscan scan_profiles exclusions notifications]" || e[2]["edition"] != 1.0 {
		t.Errorf("editions: %v", e)
	}
	diff := p.must(200, p.admin, "GET", one+"/differences?from=1&to=2", nil)
	found := map[any]string{}
	for _, d := range list(diff) {
		found[d["field"]] = fmt.Sprint(d["from"], " -> ", d["to"])
	}
	if len(found) != 10 || found["/protection/spam"] != "true -> false" || found["/exclusions/max_file_mb"] != "0 -> 100" || found["/autoscan/scan"] != "quick -> data" {
		t.Errorf("differences: %v", found)
	}
	if same := p.must(200, p.admin, "GET", one+"/differences?from=1&to=3", nil); len(list(same)) != 0 {
		t.Errorf("1 and 3 differ: %s", same.raw)
	}
	p.refused(404, "not_found", p.admin, "GET", one+"/editions/4", nil)
	clone := p.must(201, p.admin, "POST", one+"/clone", map[string]any{"name": "Kopie", "owner": ""})
	k, v := p.caughtUp()
	all := p.must(200, p.admin, "GET", "/api/v1/profiles?count=true&sort=-name&limit=1", nil, k, v)
	more := p.must(200, p.admin, "GET", "/api/v1/profiles?sort=-name&limit=1&cursor="+all.body["next_cursor"].(string), nil)
	if all.body["total"] != 2.0 || list(all)[0]["id"] != clone.body["id"] || list(all)[0]["owner"] != nil || at(list(more)[0], "owner", "name") != "Customer c1" {
		t.Errorf("the list: %s %s", all.raw, more.raw)
	}
	for query, want := range map[string]int{"?owner=reseller": 1, "?owner=c1": 1, "?owner=c2": 0, "?q=ARZT": 1, "?q=Customer": 1, "?sort=groups": 2, "?sort=-changed_at": 2} {
		if got := p.must(200, p.admin, "GET", "/api/v1/profiles"+query, nil); len(list(got)) != want {
			t.Errorf("profiles%s: %s", query, got.raw)
		}
	}
	p.must(200, p.admin, "DELETE", one, nil)
	k, v = p.caughtUp()
	p.refused(404, "not_found", p.admin, "GET", one, nil, k, v)
	p.refused(404, "not_found", p.admin, "DELETE", one, nil)
}

func TestBadSettingsNameTheField(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.profile(p.admin, map[string]any{"name": "x"})
	for pointer, spoil := range map[string]func(map[string]any){
		"/autoscan/scan": func(s map[string]any) { s["autoscan"].(map[string]any)["scan"] = "none" },
		"/autoscan/schedule/weekday": func(s map[string]any) {
			s["autoscan"].(map[string]any)["schedule"] = map[string]any{"every": "weekly", "time": "10:00"}
		},
		"/exclusions/paths/0": func(s map[string]any) { s["exclusions"] = map[string]any{"paths": []string{"/"}, "max_file_mb": 0} },
		"/notifications/recipients/0/address": func(s map[string]any) {
			s["notifications"] = map[string]any{"recipients": []any{map[string]any{"address": "nobody", "kinds": []string{"outdated"}, "delivery": "instant"}}}
		},
		"/updates/proxy/user": func(s map[string]any) {
			s["updates"] = map[string]any{"product": true, "proxy": map[string]any{"host": "h", "port": 80, "password": "x"}}
		},
		"/autoscan/schedule/time": func(s map[string]any) {
			s["autoscan"].(map[string]any)["schedule"] = map[string]any{"every": "daily", "time": "7:30"}
		},
		"/mail": func(s map[string]any) { delete(s, "mail") },
	} {
		settings, _ := p.settings(id)
		spoil(settings)
		before := p.head()
		a := p.request(p.admin, "PUT", "/api/v1/profiles/"+id+"/settings", settings)
		problems, _ := a.body["errors"].([]any)
		if a.status != 400 || len(problems) == 0 || !strings.HasPrefix(at(problems[0], "pointer").(string), pointer) || p.head() != before {
			t.Errorf("%s: %d %s", pointer, a.status, a.raw)
		}
	}
	a := p.request(p.admin, "POST", "/api/v1/profiles", map[string]any{"name": "y", "settings": func() any {
		s, _ := p.settings(id)
		s["autoscan"].(map[string]any)["scan"] = "none"
		return s
	}()})
	if a.status != 400 || at(a.body["errors"].([]any)[0], "pointer") != "/settings/autoscan/scan" {
		t.Errorf("at creation: %s", a.raw)
	}
}

// Neither the log nor any answer holds a password; what is kept is kept once, and goes with the profile.
func TestPasswordsStandNowhereInClear(t *testing.T) {
	p := start(t)
	p.fleet()
	const proxy, lock = "Proxy-Geheimnis-1", "Sperr-Geheimnis-2"
	id := p.profile(p.admin, map[string]any{"name": "x"})
	one := "/api/v1/profiles/" + id
	settings, _ := p.settings(id)
	settings["updates"] = map[string]any{"product": true, "proxy": map[string]any{"host": "10.0.0.1", "port": 3128, "user": "av", "password": proxy}}
	settings["lock"] = map[string]any{"password": lock}
	settings["notifications"] = map[string]any{"recipients": []any{map[string]any{"address": "nobody-else@example.org", "kinds": []string{"outdated"}, "delivery": "daily"}}}
	p.must(200, p.admin, "PUT", one+"/settings", settings, "Idempotency-Key", "s1")
	if again := p.must(200, p.admin, "PUT", one+"/settings", settings, "Idempotency-Key", "s1"); again.body["edition"] != 2.0 {
		t.Errorf("repeated: %s", again.raw)
	}
	shown, _ := p.settings(id)
	if at(shown, "updates", "proxy", "password_set") != true || at(shown, "lock", "set") != true || at(shown, "updates", "proxy", "password") != nil {
		t.Errorf("shown: %v", shown)
	}
	shown["protection"].(map[string]any)["web"] = false
	p.must(200, p.admin, "PUT", one+"/settings", shown) // left out, they stay
	stored := p.state(id).Settings()
	if got, err := p.secrets.Reveal(t.Context(), tenant, stored.Updates.Proxy.Password); got != proxy || err != nil {
		t.Errorf("kept: %q, %v", got, err)
	}
	if got, err := p.secrets.Reveal(t.Context(), tenant, stored.Lock.Password); !strings.HasPrefix(got, "$argon2id$") || err != nil {
		t.Errorf("kept: %q, %v", got, err)
	}
	shown["lock"] = map[string]any{"password": "another-Geheimnis"}
	p.must(200, p.admin, "PUT", one+"/settings", shown)
	if diff := p.must(200, p.admin, "GET", one+"/differences?from=3&to=4", nil); len(list(diff)) != 1 || list(diff)[0]["field"] != "/lock/password" {
		t.Errorf("another password: %s", diff.raw)
	}
	clone := p.must(201, p.admin, "POST", one+"/clone", map[string]any{"name": "y"}).body["id"].(string)
	copied := p.state(clone).Settings()
	if copied.Updates.Proxy.Password == stored.Updates.Proxy.Password {
		t.Error("the copy shares the secret of the original, and would lose it with that")
	}
	if got, err := p.secrets.Reveal(t.Context(), tenant, copied.Updates.Proxy.Password); got != proxy || err != nil {
		t.Errorf("of the copy: %q, %v", got, err)
	}
	shown["lock"] = map[string]any{"password": ""}
	shown["updates"].(map[string]any)["proxy"].(map[string]any)["password"] = ""
	p.must(200, p.admin, "PUT", one+"/settings", shown)
	if open := p.state(id).Settings(); open.Lock.Password != "" || open.Updates.Proxy.Password != "" || open.Updates.Proxy.User != "av" {
		t.Errorf("taken away: %+v", open)
	}
	for _, path := range []string{"", "/editions", "/editions/2", "/differences?from=1&to=2"} {
		if a := p.must(200, p.admin, "GET", one+path, nil); bytes.Contains(a.raw, []byte(proxy)) || bytes.Contains(a.raw, []byte(lock)) || bytes.Contains(a.raw, []byte("argon2id")) {
			t.Errorf("%s tells a secret: %s", path, a.raw)
		}
	}
	for _, path := range []string{"/api/v1/audit/events", "/api/v1/activities?limit=200"} {
		if a := p.must(200, p.admin, "GET", path, nil); bytes.Contains(a.raw, []byte(proxy)) || bytes.Contains(a.raw, []byte(lock)) || bytes.Contains(a.raw, []byte("argon2id")) {
			t.Errorf("%s tells a secret", path)
		}
	}
	log := p.wholeLog()
	for _, secret := range []string{proxy, lock, "another-Geheimnis", "argon2id", "nobody-else@example.org"} {
		if bytes.Contains(log, []byte(secret)) || strings.Contains(p.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func (p *portal) state(id string) (s profile.State) {
	p.Helper()
	for r, err := range p.store.Read(p.Context(), profile.Stream(tenant, domain.ProfileID(id)), eventstore.Start, eventstore.Forward, 0) {
		check(p, err)
		s = s.Evolve(r.Event)
	}
	return s
}
