package api_test

import (
	"net/url"
	"testing"

	"avportal/domain"
)

// The action log names who has done something, to those who see him, until he is erased.
func TestTheActionLogNamesPeople(t *testing.T) {
	p := start(t)
	f := p.fleet()
	one := "/api/v1/devices/" + string(f.devices[0])
	own, technician := p.invite(p.admin, "vera@huber.example", "customer_admin", "c1"), p.invite(p.admin, "tech@reseller.example", "reseller_technician", "")
	p.accept(own)
	p.accept(technician)
	p.must(200, p.asMember(own), "PATCH", one, map[string]any{"label": "Empfang"})
	p.must(200, p.asMember(technician), "PATCH", one, map[string]any{"label": "Anmeldung"})
	names := func(token string) map[any]any {
		t.Helper()
		out := map[any]any{}
		for _, a := range list(p.must(200, token, "GET", "/api/v1/activities?action=device.label", nil)) {
			out[at(a, "actor", "id")] = at(a, "actor", "name")
		}
		return out
	}
	if got := names(p.token(domain.Auditor, tenant, "")); got[string(own)] != "Vera Vogel" || got[string(technician)] != "Vera Vogel" {
		t.Errorf("the auditor reads %v", got)
	}
	if got := names(p.token(domain.CustomerAdmin, tenant, "c1")); got[string(own)] != "Vera Vogel" || len(got) != 2 || got[string(technician)] != nil {
		t.Errorf("the customer reads %v", got)
	}
	// Who looks for somebody finds what he has done, if he sees him.
	found := func(token, text string) int {
		t.Helper()
		return len(list(p.must(200, token, "GET", "/api/v1/activities?action=device.label&q="+url.QueryEscape(text), nil)))
	}
	if all, some := found(p.admin, "vera vog"), found(p.token(domain.CustomerAdmin, tenant, "c1"), "Vogel"); all != 2 || some != 1 {
		t.Errorf("the administrator finds %d, the customer %d", all, some)
	}
	made := p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA connector", "role": "reseller_admin", "days": 1})
	p.must(200, made.body["secret"].(string), "PATCH", one, map[string]any{"label": "Labor"})
	if n := found(p.admin, "PSA conn"); n != 1 {
		t.Errorf("what a token has done is found %d times", n)
	}
	p.must(200, p.admin, "DELETE", "/api/v1/users/"+string(own), nil)
	if n := found(p.admin, "Vogel"); n != 1 {
		t.Errorf("after one was erased, %d are found", n)
	}
	if got := names(p.admin); len(got) != 3 || got[string(own)] != nil {
		t.Errorf("erased: %v", got)
	}
}
