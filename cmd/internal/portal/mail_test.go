package portal

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"avportal/http/mail"
)

// Where no mails are sent, who invites gets the link to pass on; it is the same when he asks again, and dead when the invitation is renewed.
func TestWithoutAMailServerTheLinkIsAnswered(t *testing.T) {
	h := startHouse(t)
	admin := h.browser()
	admin.signIn()
	const email, password = "vera@systemhaus.example", "vier Wörter sind besser"
	invitation := map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": "reseller_readonly"}
	first := admin.api(201, "POST", "/users", invitation)
	before, secret, ok := strings.Cut(first["invitation_link"].(string), "#")
	if !ok || before != h.portal.PublicURL()+mail.InvitationPath {
		t.Fatalf("the link is %v", first["invitation_link"])
	}
	if p := h.browser().open(before); p.status != http.StatusOK || !strings.Contains(p.text, "/auth/account.js") {
		t.Errorf("the page: %d %s", p.status, p.text)
	}
	admin.api(200, "POST", "/invitations/look-up", map[string]any{"secret": secret})
	again := admin.api(200, "POST", "/users/"+first["id"].(string)+"/resend", nil)
	_, renewed, _ := strings.Cut(again["invitation_link"].(string), "#")
	admin.api(404, "POST", "/invitations/look-up", map[string]any{"secret": secret})
	h.browser().api(201, "POST", "/invitations/accept", map[string]any{"secret": renewed, "password": password})

	if p := admin.api(409, "POST", "/password-recovery", map[string]any{"email": email}); p["code"] != "no_mail_server" {
		t.Errorf("a new password: %v", p)
	}
	rs, err := http.Get(h.portal.URL() + "/readyz")
	check(t, err)
	defer rs.Body.Close()
	body, err := io.ReadAll(rs.Body)
	if check(t, err); !strings.Contains(string(body), `"mail":"off"`) && !strings.Contains(string(body), `"mail": "off"`) {
		t.Errorf("/readyz says %s", body)
	}
}

func TestMailsNeedAnAddressForTheirLinks(t *testing.T) {
	for address, good := range map[string]bool{"": false, "https://portal.example": true} {
		l, err := net.Listen("tcp", "0.0.0.0:0")
		check(t, err)
		p := &Portal{cfg: Config{SMTP: "smtp://mail.example", MailFrom: "a@b.example", PublicURL: address}, listener: l}
		_, err = p.mailAddress(true)
		if check(t, l.Close()); (err == nil) != good {
			t.Errorf("public URL %q: %v", address, err)
		}
	}
}

// A link begins with the configured address, whatever a request says about the host.
func TestLinksBeginWithThePublicURL(t *testing.T) {
	h := startHouse(t)
	admin := h.browser()
	admin.signIn()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.portal.PublicURL()+"/api/v1/users",
		strings.NewReader(`{"first_name": "Vera", "surname": "Vogel", "email": "vera@systemhaus.example", "role": "reseller_readonly"}`))
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("Forwarded", "host=evil.example")
	for _, c := range admin.http.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	r.Host = "evil.example"
	if p := admin.do(r); p.status != http.StatusCreated || strings.Contains(p.text, "evil") || !strings.Contains(p.text, h.portal.PublicURL()+mail.InvitationPath+"#") {
		t.Errorf("%d %s", p.status, p.text)
	}
}
