package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What somebody is to be shown after signing in: the introduction, once per person; the question for a default profile, once per
// reseller, to whom may answer it.
func TestFirstSteps(t *testing.T) {
	h := startHouse(t)
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	admin.synced()
	steps := func(b *browser, want string) {
		t.Helper()
		if got := fmt.Sprint(b.api(200, "GET", "/me", nil)["steps"]); got != want {
			t.Errorf("the steps are %s, want %s", got, want)
		}
	}
	steps(admin, "[webinar conversion]")
	secret := admin.invite("vera@systemhaus.example", "reseller_technician")
	vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": "vier Wörter sind besser"})
	steps(vera, "[webinar]")
	admin.api(200, "PATCH", "/me/profile", map[string]any{"webinar_seen": true})
	steps(admin, "[conversion]")
	steps(vera, "[webinar]")
	admin.api(200, "POST", "/reseller/conversion", map[string]any{"accept": true})
	steps(admin, "[]")
	vera.api(200, "PATCH", "/me/profile", map[string]any{"webinar_seen": true})
	steps(vera, "[]")
	again := h.browser()
	again.signIn()
	steps(again, "[]")
}

// A person is answered in the language of his profile, whatever his browser asks for, as soon as he has chosen it.
func TestThePortalSpeaksTheLanguageOfTheProfile(t *testing.T) {
	b := startHouse(t).browser()
	b.signIn()
	b.synced()
	b.caughtUp()
	for _, c := range []struct{ language, title string }{{"de", "Nicht gefunden"}, {"en", "Not found"}, {"de", "Nicht gefunden"}} {
		b.api(200, "PATCH", "/me/profile", map[string]any{"language": c.language})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.portal.PublicURL()+"/api/v1/licenses/none", nil)
		check(t, err)
		r.Header.Set("Accept-Language", map[string]string{"de": "en", "en": "de"}[c.language])
		rs, err := b.http.Do(r)
		check(t, err)
		_ = rs.Body.Close()
		if rs.Header.Get("Content-Language") != c.language {
			t.Errorf("the profile says %s, the answer is in %q", c.language, rs.Header.Get("Content-Language"))
		}
		if p := b.api(404, "GET", "/licenses/none", nil); !strings.EqualFold(fmt.Sprint(p["title"]), c.title) {
			t.Errorf("%s: %v", c.language, p)
		}
	}
}
