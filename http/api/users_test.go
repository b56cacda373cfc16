package api_test

import (
	"bytes"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/http/api"
	"avportal/http/api/tokens"
)

func newID() uuid.UUID { return uuid.New() }

func (p *portal) tokenOf(a domain.Actor) string {
	p.Helper()
	_, secret, err := p.vault.Create(p.Context(), tokens.Grant{Name: "x", Actor: a.ID, Role: a.Role, Tenant: a.Tenant, Customer: a.Customer})
	check(p, err)
	return secret
}

// invite answers the id of a new user.
func (p *portal) invite(token, email, role, customer string) domain.UserID {
	p.Helper()
	body := map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": role}
	if customer != "" {
		body["customer"] = customer
	}
	return domain.UserID(p.must(201, token, "POST", "/api/v1/users", body).body["id"].(string))
}

// openLink answers the secret of the read-only access of a new member of c1.
func (p *portal) openLink() string {
	p.Helper()
	id := p.invite(p.admin, "reader@huber.example", "customer_admin", "c1")
	p.accept(id)
	return p.must(200, p.asMember(id), "POST", "/api/v1/me/readonly-link", nil).body["secret"].(string)
}

func TestUsersFromInvitationToErasure(t *testing.T) {
	p := start(t)
	p.fleet()
	boss := p.invite(p.admin, "boss@reseller.example", "reseller_admin", "")
	p.accept(boss)
	body := map[string]any{"first_name": "Vera", "surname": "Vogel", "salutation": "mrs", "email": "vera@huber.example", "role": "customer_admin", "customer": "c1", "language": "en"}
	a := p.must(201, p.admin, "POST", "/api/v1/users", body, "Idempotency-Key", "k1")
	again := p.must(201, p.admin, "POST", "/api/v1/users", body, "Idempotency-Key", "k1")
	if again.body["id"] != a.body["id"] || again.body["revision"] != a.body["revision"] {
		t.Errorf("repeated: %s, first %s", again.raw, a.raw)
	}
	p.refused(422, "idempotency_key_reused", p.admin, "POST", "/api/v1/users", map[string]any{"first_name": "Eva", "surname": "V", "email": "vera@huber.example", "role": "customer_admin", "customer": "c1"}, "Idempotency-Key", "k1")
	p.refused(409, "email_taken", p.admin, "POST", "/api/v1/users", body)
	one := "/api/v1/users/" + a.body["id"].(string)
	k, v := p.caughtUp()
	got := p.must(200, p.admin, "GET", one, nil, k, v)
	if got.body["status"] != "invited" || got.body["surname"] != "Vogel" || at(got.body, "customer", "id") != "c1" || got.header.Get("ETag") != `"0"` {
		t.Errorf("invited: %s", got.raw)
	}
	p.must(200, p.admin, "POST", one+"/resend", nil)
	p.must(200, p.admin, "PATCH", one, map[string]any{"email": "vv@huber.example", "first_name": "Verena", "role": "customer_readonly"}, "If-Match", `"1"`)
	p.refused(412, "stale_revision", p.admin, "PATCH", one, map[string]any{"first_name": "Eva"}, "If-Match", `"1"`)
	id := domain.UserID(a.body["id"].(string))
	p.accept(id)
	p.refused(409, "email_is_own", p.admin, "PATCH", one, map[string]any{"email": "other@huber.example"})
	p.refused(409, "invitation_accepted", p.admin, "POST", one+"/resend", nil)
	p.must(200, p.admin, "POST", one+"/deactivate", nil)
	p.refused(409, "user_inactive", p.admin, "PATCH", one, map[string]any{"first_name": "Eva"})
	p.must(200, p.admin, "POST", one+"/reactivate", nil)
	k, v = p.caughtUp()
	got = p.must(200, p.admin, "GET", "/api/v1/users?q=verena&status=activated&role=customer_readonly&customer=c1&sort=-email&count=true", nil, k, v)
	if got.body["total"] != 1.0 || list(got)[0]["email"] != "vv@huber.example" || list(got)[0]["language"] != "en" {
		t.Errorf("found: %s", got.raw)
	}
	p.must(200, p.admin, "DELETE", one, nil)
	p.refused(404, "not_found", p.admin, "POST", one+"/reactivate", nil)
	p.refused(409, "last_administrator", p.admin, "DELETE", "/api/v1/users/"+string(boss), nil)
	p.refused(409, "last_administrator", p.admin, "PATCH", "/api/v1/users/"+string(boss), map[string]any{"role": "auditor"})

	log := p.must(200, p.admin, "GET", "/api/v1/activities?limit=50", nil)
	said := map[string]bool{}
	for _, item := range list(log) {
		said[item["action"].(string)] = true
	}
	for _, action := range []string{"user.invite", "user.invite_again", "user.accept", "user.role", "user.deactivate", "user.reactivate", "user.erase"} {
		if !said[action] {
			t.Errorf("the action log does not tell of %s: %v", action, said)
		}
	}
}

func TestWhoMayManageUsers(t *testing.T) {
	p := start(t)
	p.fleet()
	of := p.invite(p.admin, "one@huber.example", "customer_admin", "c1")
	beside := p.invite(p.admin, "two@kern.example", "customer_admin", "c2")
	resellers := p.invite(p.admin, "tech@reseller.example", "reseller_technician", "")
	p.accept(of)
	chief := p.asMember(of)
	mine := p.invite(chief, "three@huber.example", "customer_readonly", "c1")
	p.refused(404, "not_found", chief, "POST", "/api/v1/users", map[string]any{"first_name": "V", "surname": "V", "email": "x@y.example", "role": "customer_readonly", "customer": "c2"})
	p.refused(400, "invalid", chief, "POST", "/api/v1/users", map[string]any{"first_name": "V", "surname": "V", "email": "x@y.example", "role": "auditor"})
	p.refused(400, "invalid", p.admin, "POST", "/api/v1/users", map[string]any{"first_name": "V", "surname": "V", "email": "x@y.example", "role": "auditor", "customer": "c1"})
	p.refused(400, "invalid", p.admin, "POST", "/api/v1/users", map[string]any{"first_name": "V", "surname": "V", "email": "x@y", "role": "auditor"})
	p.refused(404, "not_found", p.admin, "POST", "/api/v1/users", map[string]any{"first_name": "V", "surname": "V", "email": "x@y.example", "role": "customer_admin", "customer": "nobody"})
	p.refused(400, "invalid", chief, "PATCH", "/api/v1/users/"+string(mine), map[string]any{"role": "reseller_admin"})
	k, v := p.caughtUp()
	if got := p.must(200, chief, "GET", "/api/v1/users?count=true", nil, k, v); got.body["total"] != 2.0 {
		t.Errorf("a customer's administrator sees %s", got.raw)
	}
	stranger := p.token(domain.ResellerAdmin, foreign, "")
	for who, token := range map[string]string{"another customer's": chief, "another reseller's": stranger} {
		for _, id := range []domain.UserID{beside, resellers, "nobody"} {
			for _, r := range []struct {
				method, path string
				body         any
			}{
				{"GET", "", nil}, {"PATCH", "", map[string]any{"first_name": "X"}}, {"PATCH", "", map[string]any{"role": "customer_readonly"}},
				{"PATCH", "", map[string]any{"email": "x@y.example"}}, {"POST", "/resend", nil}, {"POST", "/deactivate", nil}, {"POST", "/reactivate", nil}, {"DELETE", "", nil},
			} {
				a := p.refused(404, "not_found", token, r.method, "/api/v1/users/"+string(id)+r.path, r.body)
				missing := p.request(token, r.method, "/api/v1/users/not-there"+r.path, r.body)
				if clean(a.raw, string(id)) != clean(missing.raw, "not-there") {
					t.Errorf("%s user can be told from one that is not there: %s, %s", who, a.raw, missing.raw)
				}
			}
		}
	}
	for _, role := range []domain.Role{domain.ResellerTechnician, domain.ResellerReadOnly, domain.Auditor} {
		p.refused(403, "forbidden", p.token(role, tenant, ""), "GET", "/api/v1/users", nil)
	}
}

func clean(raw []byte, id string) string {
	return strings.ReplaceAll(string(idOfRequest.ReplaceAll(raw, nil)), id, "ID")
}

func TestOnesOwnProfile(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.invite(p.admin, "vera@huber.example", "customer_readonly", "c1")
	p.accept(id)
	me := p.asMember(id)
	got := p.must(200, me, "GET", "/api/v1/me/profile", nil)
	if got.body["email"] != "vera@huber.example" || got.body["language"] != "de" || got.body["webinar_seen"] != false || got.body["readonly_link"] != false {
		t.Errorf("the profile: %s", got.raw)
	}
	change := map[string]any{"email": "me@huber.example", "language": "en", "columns": map[string]any{"devices": []string{"hostname", "last_seen"}, "licenses": []string{"name"}}, "webinar_seen": true}
	a := p.must(200, me, "PATCH", "/api/v1/me/profile", change, "If-Match", got.header.Get("ETag"), "Idempotency-Key", "k1")
	again := p.must(200, me, "PATCH", "/api/v1/me/profile", change, "If-Match", got.header.Get("ETag"), "Idempotency-Key", "k1")
	if a.body["revision"] != again.body["revision"] {
		t.Errorf("repeated: %s, first %s", again.raw, a.raw)
	}
	got = p.must(200, me, "GET", "/api/v1/me/profile", nil)
	if got.body["email"] != "me@huber.example" || got.body["language"] != "en" || got.body["webinar_seen"] != true || len(at(got.body, "columns", "devices").([]any)) != 2 {
		t.Errorf("changed: %s", got.raw)
	}
	p.refused(400, "invalid", me, "PATCH", "/api/v1/me/profile", map[string]any{"columns": map[string]any{"devices": []string{"a", "a"}}})
	p.refused(400, "invalid_request", me, "PATCH", "/api/v1/me/profile", map[string]any{"role": "reseller_admin"})
	p.refused(409, "no_profile", p.admin, "GET", "/api/v1/me/profile", nil)
	p.refused(409, "no_profile", p.admin, "PATCH", "/api/v1/me/profile", map[string]any{"language": "en"})
	p.refused(409, "no_profile", p.admin, "POST", "/api/v1/me/readonly-link", nil)
}

func TestReadOnlyAccess(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.invite(p.admin, "vera@huber.example", "customer_admin", "c1")
	p.accept(id)
	me := p.asMember(id)
	open := func() string {
		t.Helper()
		a := p.must(200, me, "POST", "/api/v1/me/readonly-link", nil)
		secret := a.body["secret"].(string)
		if len(secret) != 43 || !strings.HasSuffix(a.body["url"].(string), "/readonly#"+secret) {
			t.Errorf("the link: %s", a.raw)
		}
		return secret
	}
	secret := open()
	k, v := p.caughtUp()
	own := p.must(200, me, "GET", "/api/v1/dashboard", nil, k, v)
	seen := p.must(200, "", "GET", "/api/v1/readonly/"+secret+"/dashboard", nil)
	if at(seen.body, "devices", "total") != at(own.body, "devices", "total") || at(seen.body, "devices", "total") == 0.0 || seen.body["customers"] != 1.0 {
		t.Errorf("by the link %s, signed in %s", seen.raw, own.raw)
	}
	for name, want := range map[string]string{"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := seen.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	image := p.must(200, "", "GET", "/api/v1/readonly/"+secret+"/qr?format=png", nil)
	if decoded, err := png.Decode(bytes.NewReader(image.raw)); err != nil || decoded.Bounds().Dx() < 200 || image.header.Get("Content-Type") != "image/png" {
		t.Errorf("the PNG: %v, %s", err, image.header.Get("Content-Type"))
	}
	image = p.must(200, "", "GET", "/api/v1/readonly/"+secret+"/qr", nil)
	if !bytes.HasPrefix(image.raw, []byte("<svg ")) || !bytes.HasSuffix(image.raw, []byte("</svg>")) || image.header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the SVG: %.100s, %s", image.raw, image.header.Get("Content-Type"))
	}
	next := open()
	dead := func(secret string) {
		t.Helper()
		p.refused(404, "not_found", "", "GET", "/api/v1/readonly/"+secret+"/dashboard", nil)
		p.refused(404, "not_found", "", "GET", "/api/v1/readonly/"+secret+"/qr", nil)
	}
	dead(secret)
	dead("nonsense")
	p.must(200, "", "GET", "/api/v1/readonly/"+next+"/dashboard?entries=1", nil)
	p.refused(400, "invalid_request", "", "GET", "/api/v1/readonly/"+next+"/dashboard?entries=x", nil)
	p.refused(401, "unauthorized", "", "GET", "/api/v1/dashboard", nil)
	if got := p.must(200, me, "GET", "/api/v1/me/profile", nil); got.body["readonly_link"] != true {
		t.Errorf("the profile: %s", got.raw)
	}
	p.must(200, me, "DELETE", "/api/v1/me/readonly-link", nil)
	dead(next)
	if found := append(p.inLog([][]byte{[]byte(secret), []byte(next)}), hits("the log", p.log.Bytes(), [][]byte{[]byte(next)})...); len(found) > 0 {
		t.Errorf("the secret is told: %s", found)
	}
}

// Who guesses links pays from the budget of his address.
func TestGuessingLinksIsLimited(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StrangersPerSecond = 1 })
	limited := 0
	for range 20 {
		if a := p.request("", "GET", "/api/v1/readonly/guess/dashboard", nil); a.status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 10 {
		t.Errorf("%d of 20 guesses were refused", limited)
	}
}

func TestAnInvitationExpires(t *testing.T) {
	p := start(t)
	p.fleet()
	id := p.invite(p.admin, "vera@huber.example", "customer_admin", "c1")
	link := p.openLink()
	k, v := p.caughtUp()
	p.must(200, p.admin, "GET", "/api/v1/users?status=invited", nil, k, v)
	p.mu.Lock()
	p.now = time.Now().Add(user.InvitationLifetime + time.Minute)
	p.mu.Unlock()
	got := p.must(200, p.admin, "GET", "/api/v1/users/"+string(id), nil)
	if got.body["status"] != "expired" {
		t.Errorf("after three days: %s", got.raw)
	}
	other := p.token(domain.CustomerAdmin, tenant, "c2")
	for token, want := range map[string]float64{p.admin: 1, p.token(domain.CustomerAdmin, tenant, "c1"): 1, other: 0} {
		d := p.must(200, token, "GET", "/api/v1/dashboard?entries=1", nil)
		if at(d.body, "expired_invitations", "total") != want || len(at(d.body, "expired_invitations", "items").([]any)) != int(want) {
			t.Errorf("the dashboard: %s", d.raw)
		}
	}
	if d := p.must(200, p.admin, "GET", "/api/v1/dashboard?entries=0&customer=c2", nil); at(d.body, "expired_invitations", "total") != 0.0 {
		t.Errorf("of another customer: %s", d.raw)
	}
	if d := p.must(200, p.token(domain.ResellerTechnician, tenant, ""), "GET", "/api/v1/dashboard", nil); d.body["expired_invitations"] != nil {
		t.Errorf("for who does not manage users: %s", d.raw)
	}
	if d := p.must(200, "", "GET", "/api/v1/readonly/"+link+"/dashboard", nil); d.body["expired_invitations"] != nil {
		t.Errorf("by a link: %s", d.raw)
	}
	p.must(200, p.admin, "POST", "/api/v1/users/"+string(id)+"/resend", nil)
	k, v = p.caughtUp()
	if got := p.must(200, p.admin, "GET", "/api/v1/users?status=invited", nil, k, v); len(list(got)) != 1 {
		t.Errorf("renewed: %s", got.raw)
	}
}
