package api_test

import (
	"testing"

	"avportal/domain"
)

// A profile is changed, renamed, given away and deleted; each read shows what was so then, to who saw it then.
func TestProfilesOfThePast(t *testing.T) {
	p := start(t)
	p.fleet()
	was := func(a answer) string { return "?as_of=" + a.header.Get("Portal-Position") }
	made := p.must(201, p.admin, "POST", "/api/v1/profiles", map[string]any{"name": "Praxen"})
	one := "/api/v1/profiles/" + made.body["id"].(string)
	used := p.must(200, p.admin, "PUT", "/api/v1/groups/l1.main/profile", map[string]any{"profile": made.body["id"]})
	settings, _ := p.settings(made.body["id"].(string))
	settings["protection"].(map[string]any)["web"] = false
	p.must(200, p.admin, "PUT", one+"/settings", settings)
	p.must(200, p.admin, "PUT", "/api/v1/groups/l1.main/profile", map[string]any{"profile": ""})
	p.must(200, p.admin, "PATCH", one, map[string]any{"name": "Huber"})
	given := p.must(200, p.admin, "PATCH", one, map[string]any{"owner": "c1"})
	deleted := p.must(200, p.admin, "DELETE", one, nil)
	owner := p.token(domain.CustomerAdmin, tenant, "c1")

	got := p.must(200, p.admin, "GET", one+was(used), nil)
	if at(got.body, "profile", "name") != "Praxen" || at(got.body, "profile", "edition") != 1.0 || at(got.body, "profile", "groups") != 1.0 ||
		at(got.body, "settings", "protection", "web") != true || got.header.Get("ETag") != "" {
		t.Errorf("at first: %s", got.raw)
	}
	got = p.must(200, owner, "GET", one+was(given), nil)
	if at(got.body, "profile", "name") != "Huber" || at(got.body, "profile", "groups") != 0.0 || at(got.body, "settings", "protection", "web") != false {
		t.Errorf("given away: %s", got.raw)
	}
	p.refused(404, "not_found", owner, "GET", one+was(used), nil)
	p.refused(404, "not_found", p.token(domain.ResellerAdmin, foreign, ""), "GET", one+was(given), nil)
	p.refused(404, "not_found", p.admin, "GET", one+was(deleted), nil)
	for when, want := range map[string]int{was(used): 1, was(given): 1, was(deleted): 0} {
		if got := p.must(200, p.admin, "GET", "/api/v1/profiles"+when+"&count=true", nil); len(list(got)) != want || got.body["total"] != float64(want) {
			t.Errorf("%s: %s", when, got.raw)
		}
	}
	if got := p.must(200, owner, "GET", "/api/v1/profiles"+was(used), nil); len(list(got)) != 0 {
		t.Errorf("before it was his: %s", got.raw)
	}
}

func TestUsersOfThePast(t *testing.T) {
	p := start(t)
	p.fleet()
	was := func(a answer) string { return "?as_of=" + a.header.Get("Portal-Position") }
	invited := p.must(201, p.admin, "POST", "/api/v1/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": "vera@huber.example", "role": "customer_admin", "customer": "c1"})
	one := "/api/v1/users/" + invited.body["id"].(string)
	renamed := p.must(200, p.admin, "PATCH", one, map[string]any{"surname": "Huber", "role": "customer_readonly"})
	for when, want := range map[string][2]string{was(invited): {"Vogel", "customer_admin"}, was(renamed): {"Huber", "customer_readonly"}} {
		got := p.must(200, p.admin, "GET", one+when, nil)
		if got.body["surname"] != want[0] || got.body["role"] != want[1] || got.body["status"] != "invited" || got.header.Get("ETag") != "" {
			t.Errorf("%s: %s", when, got.raw)
		}
		if got := p.must(200, p.admin, "GET", "/api/v1/users"+when+"&count=true&q="+want[0], nil); len(list(got)) != 1 || got.body["total"] != 1.0 {
			t.Errorf("%s: %s", when, got.raw)
		}
	}
	p.refused(404, "not_found", p.token(domain.CustomerAdmin, tenant, "c2"), "GET", one+was(renamed), nil)

	// A moment that is built after he was erased does not know his name.
	p.must(200, p.admin, "DELETE", one, nil)
	check(t, p.engine.ForgetMoments(t.Context(), tenant))
	if got := p.must(200, p.admin, "GET", one+was(renamed), nil); got.body["surname"] != "" || got.body["email"] != "" {
		t.Errorf("erased since: %s", got.raw)
	}
	if got := p.must(200, p.admin, "GET", "/api/v1/users"+was(renamed)+"&q=Huber", nil); len(list(got)) != 0 {
		t.Errorf("found by the name that was erased: %s", got.raw)
	}
}
