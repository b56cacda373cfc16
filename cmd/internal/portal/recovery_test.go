package portal

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"avportal/http/mail/sink"
)

// post is the mail server of a house.
func post(t *testing.T) (*sink.Sink, func(*Config)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s, err := sink.Serve(l, "")
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s, func(c *Config) { c.SMTP, c.MailFrom = s.URL(), "AV Portal <portal@systemhaus.example>" }
}

// mailed waits for the n-th mail, and gives it as text.
func (h *house) mailed(s *sink.Sink, n int) string {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if all := s.Mails(); len(all) >= n {
			text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(all[n-1].Raw)))
			check(h, err)
			return string(text)
		} else if time.Now().After(deadline) {
			h.Fatalf("%d mails have come, want %d", len(all), n)
		}
	}
}

var secretIn = regexp.MustCompile(`/auth/[a-z]+#([A-Za-z0-9_-]+)`)

func secretOf(t *testing.T, text string) string {
	t.Helper()
	m := secretIn.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no link in\n%s", text)
	}
	return m[1]
}

// Who has forgotten his password gets a link by mail, which is good once; then he is signed out everywhere, and told.
func TestAForgottenPassword(t *testing.T) {
	box, mailing := post(t)
	h := startHouse(t, mailing)
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	const email, before, after = "vera@systemhaus.example", "vier Wörter sind besser", "fünf Wörter sind noch besser"
	admin.api(201, "POST", "/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": "reseller_technician", "language": "de"})
	vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": secretOf(t, h.mailed(box, 1)), "password": before})

	stranger := h.browser()
	for _, address := range []string{"nobody@systemhaus.example", email, anna.Email} { // the last one has no password here
		stranger.api(202, "POST", "/password-recovery", map[string]any{"email": address})
	}
	text := h.mailed(box, 2)
	if !strings.Contains(text, "neues Passwort") || !strings.Contains(text, "Guten Tag Vera Vogel") {
		t.Errorf("the mail says %s", text)
	}
	secret := secretOf(t, text)
	stranger.api(404, "POST", "/password-recovery/complete", map[string]any{"secret": "made-up", "password": after})
	stranger.api(400, "POST", "/password-recovery/complete", map[string]any{"secret": secret, "password": "password1"})
	vera.api(200, "GET", "/me", nil)
	stranger.api(204, "POST", "/password-recovery/complete", map[string]any{"secret": secret, "password": after})
	stranger.api(404, "POST", "/password-recovery/complete", map[string]any{"secret": secret, "password": after})
	vera.api(401, "GET", "/me", nil)
	vera.api(401, "POST", "/session", map[string]any{"email": email, "password": before})
	vera.api(201, "POST", "/session", map[string]any{"email": email, "password": after})
	if text := h.mailed(box, 3); !strings.Contains(text, "Das Passwort Ihres Kontos") || secretIn.MatchString(text) {
		t.Errorf("the notice says %s", text)
	}

	// The latest link holds, and no more than three are sent at once.
	vera.api(202, "POST", "/password-recovery", map[string]any{"email": email})
	first := secretOf(t, h.mailed(box, 4))
	vera.api(202, "POST", "/password-recovery", map[string]any{"email": strings.ToUpper(email)})
	second := secretOf(t, h.mailed(box, 5))
	vera.api(404, "POST", "/password-recovery/complete", map[string]any{"secret": first, "password": before})
	vera.api(204, "POST", "/password-recovery/complete", map[string]any{"secret": second, "password": before})
	for address, want := range map[string]int{email: 0, "nobody@systemhaus.example": 2} {
		passed := 0
		for range 4 {
			if vera.asks(address) {
				passed++
			}
		}
		if passed != want {
			t.Errorf("%s may be asked for %d times more, want %d", address, passed, want)
		}
	}
	h.nothingInFiles(secret, email)
	if tables := h.inVault(secret); len(tables) > 0 {
		t.Errorf("the secret stands in %v", tables)
	}
}

// asks reports whether a new password may be asked for.
func (b *browser) asks(email string) bool {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.portal.PublicURL()+"/api/v1/password-recovery", strings.NewReader(`{"email": "`+email+`"}`))
	check(b, err)
	r.Header.Set("Content-Type", "application/json")
	return b.do(r).status == http.StatusAccepted
}
