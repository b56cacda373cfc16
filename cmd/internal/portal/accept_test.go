package portal

import (
	"net/http"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"avportal/commands"
	"avportal/domain"
	"avportal/http/web"
)

// invite lets an administrator invite somebody, and gives the secret that goes into the mail.
func (b *browser) invite(email, role string) string {
	b.Helper()
	u := b.api(201, "POST", "/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": role, "language": "de"})
	_, secret, err := commands.IssueInvitation(b.Context(), b.portal.commands, time.Now(), systemhaus, domain.UserID(u["id"].(string)))
	check(b, err)
	return secret
}

// From the invitation to an account of one's own: look at it, choose a password, be signed in, come again.
func TestAcceptAnInvitation(t *testing.T) {
	h := startHouse(t)
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	const email, password = "vera@systemhaus.example", "vier Wörter sind besser"
	secret := admin.invite(email, "reseller_technician")

	if i := vera.api(200, "POST", "/invitations/look-up", map[string]any{"secret": secret}); i["email"] != email || i["role"] != "reseller_technician" {
		t.Errorf("the invitation: %v", i)
	}
	vera.api(404, "POST", "/invitations/look-up", map[string]any{"secret": "made-up"})
	vera.api(400, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": "password1"})
	accepted := vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": password})
	if accepted["method"] != "password" || accepted["role"] != "reseller_technician" {
		t.Errorf("signed in as %v", accepted)
	}
	if p := vera.api(200, "GET", "/me/profile", nil); p["first_name"] != "Vera" {
		t.Errorf("the profile: %v", p)
	}
	h.browser().api(404, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": password}) // once
	vera.api(204, "DELETE", "/session", nil)

	in := map[string]any{"email": "VERA@systemhaus.example", "password": password}
	if p := vera.api(401, "POST", "/session", map[string]any{"email": email, "password": "wrong wrong"}); p["code"] != "sign_in_refused" {
		t.Errorf("a wrong password: %v", p)
	}
	if p := vera.api(401, "POST", "/session", map[string]any{"email": "nobody@systemhaus.example", "password": password}); p["code"] != "sign_in_refused" {
		t.Errorf("an unknown address: %v", p)
	}
	vera.api(201, "POST", "/session", in)
	log := admin.api(200, "GET", "/activities?limit=200", nil)
	refused := 0
	for _, a := range log["items"].([]any) {
		if a.(map[string]any)["action"] == "session.refuse" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the action log tells of %d refused attempts, want 1", refused)
	}

	// One-time codes.
	other := h.browser()
	other.api(201, "POST", "/session", in)
	vera.api(401, "POST", "/me/totp", map[string]any{"password": "wrong wrong"})
	seed := vera.api(200, "POST", "/me/totp", map[string]any{"password": password})["secret"].(string)
	code, err := totp.GenerateCode(seed, time.Now())
	check(t, err)
	codes := vera.api(200, "POST", "/me/totp/confirm", map[string]any{"code": code})["recovery_codes"].([]any)
	other.api(401, "GET", "/me", nil) // signed out by the change
	if p := other.api(401, "POST", "/session", in); p["code"] != "code_required" {
		t.Errorf("without a code: %v", p)
	}
	in["code"] = codes[0]
	if s := other.api(201, "POST", "/session", in); s["method"] != "password_recovery_code" {
		t.Errorf("by a recovery code: %v", s)
	}
	if c := other.api(200, "GET", "/me/credentials", nil); c["totp"] != true || c["recovery_codes"] != 9.0 {
		t.Errorf("credentials: %v", c)
	}
	if p := other.api(401, "POST", "/session", map[string]any{"email": email, "password": password, "code": "wrong-code"}); p["code"] != "sign_in_refused" {
		t.Errorf("a wrong code: %v", p)
	}
	if renewed := vera.api(200, "POST", "/me/totp/recovery-codes", map[string]any{"password": password})["recovery_codes"].([]any); len(renewed) != 10 || renewed[1] == codes[1] {
		t.Errorf("new recovery codes: %v", renewed)
	}
	vera.api(204, "POST", "/me/totp/disable", map[string]any{"password": password})
	vera.api(204, "PUT", "/me/password", map[string]any{"current": password, "password": "fünf Wörter sind noch besser"})
	delete(in, "code")
	other.api(401, "POST", "/session", in)
	told := map[any]int{}
	for _, a := range admin.api(200, "GET", "/activities?limit=200", nil)["items"].([]any) {
		told[a.(map[string]any)["action"]]++
	}
	for action, want := range map[string]int{"user.password": 1, "user.codes_on": 1, "user.codes_off": 1, "user.recovery_codes": 1, "session.refuse": 3} {
		if told[action] != want {
			t.Errorf("the action log tells of %s %d times, want %d", action, told[action], want)
		}
	}
	admin.api(409, "PUT", "/me/password", map[string]any{"current": password, "password": "fünf Wörter sind noch besser"}) // he has none
}

// A person may belong to several organizations with one account, and turn from one to the other.
func TestSeveralOrganizations(t *testing.T) {
	h := startHouse(t)
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	admin.synced()
	const email, password = "vera@systemhaus.example", "vier Wörter sind besser"
	vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": admin.invite(email, "reseller_readonly"), "password": password})
	u := admin.api(201, "POST", "/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": "customer_admin", "customer": "c1", "language": "de"})
	_, secret, err := commands.IssueInvitation(t.Context(), h.portal.commands, time.Now(), systemhaus, domain.UserID(u["id"].(string)))
	check(t, err)
	if p := vera.api(401, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": "another password"}); p["code"] != "sign_in_refused" {
		t.Errorf("with another password: %v", p)
	}
	if s := vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": password}); s["customer"] != "c1" {
		t.Errorf("the second membership: %v", s)
	}
	list := vera.api(200, "GET", "/session/organisations", nil)["items"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["current"] != true || list[0].(map[string]any)["customer"] != "c1" {
		t.Fatalf("the organizations: %v", list)
	}
	before := vera.http.Jar.Cookies(mustParse(t, h.portal.PublicURL()))[0].Value
	to := list[1].(map[string]any)["user"]
	if s := vera.api(200, "POST", "/session/organisation", map[string]any{"user": to}); s["role"] != "reseller_readonly" {
		t.Errorf("turned to %v", s)
	}
	if me := vera.api(200, "GET", "/me", nil); me["id"] != to || me["role"] != "reseller_readonly" {
		t.Errorf("me: %v", me)
	}
	if vera.http.Jar.Cookies(mustParse(t, h.portal.PublicURL()))[0].Value == before {
		t.Error("the cookie is still the old one")
	}
	vera.api(403, "POST", "/session/organisation", map[string]any{"user": "somebody-else"})
	stale := h.browser()
	stale.http.Jar.SetCookies(mustParse(t, h.portal.PublicURL()), []*http.Cookie{{Name: "avportal-insecure", Value: before}})
	stale.api(401, "GET", "/me", nil)
	vera.api(204, "DELETE", "/session", nil)
	if s := vera.api(201, "POST", "/session", map[string]any{"email": email, "password": password}); s["role"] != "reseller_readonly" { // the last one
		t.Errorf("signed in as %v", s)
	}
}

// Who was invited and comes through the Reseller Portal accepts the invitation by that, and is the same one the next time.
func TestTheInvitedMayComeThroughTheResellerPortal(t *testing.T) {
	h := startHouse(t)
	admin, b := h.browser(), h.browser()
	admin.signIn()
	secret := admin.invite(ben.Email, "reseller_readonly")
	b.as = ben
	var id any
	for range 2 {
		b.signIn()
		me := b.api(200, "GET", "/me", nil)
		if me["role"] != "reseller_readonly" || id != nil && me["id"] != id {
			t.Errorf("me: %v, before %v", me, id)
		}
		id = me["id"]
		if p := b.api(200, "GET", "/me/profile", nil); p["first_name"] != "Vera" { // as the invitation calls him
			t.Errorf("the profile: %v", p)
		}
	}
	admin.caughtUp()
	if u := admin.api(200, "GET", "/users?count=true", nil); u["total"] != 2.0 {
		t.Errorf("the users: %v", u)
	}
	h.browser().api(404, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": "vier Wörter sind besser"})
	admin.api(200, "POST", "/users/"+id.(string)+"/deactivate", nil)
	if p := b.authorize(b.toConsent(web.LoginPath)); p.status != http.StatusForbidden {
		t.Errorf("who was shut out: %d %s", p.status, p.text)
	}
}
