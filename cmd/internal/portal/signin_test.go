package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"avportal/cmd/internal/demorsp"
	"avportal/http/rsp"
	"avportal/http/web"
	"avportal/projections/postgres/postgrestest"
)

// resellerID is a UUID, so the tenant is the same without dashes.
const resellerID = "00000000-1111-2222-3333-444444444444"

var anna = rsp.User{
	ID: "0f4c1c52-6f0d-4b8e-9a39-0d6b3f1a2c01", GivenName: "Anna", FamilyName: "Vogel", Email: "anna@systemhaus.example", Language: "de",
	Role: "reseller", Reseller: rsp.Reseller{ID: resellerID, Name: "Systemhaus"},
}

var ben = rsp.User{
	ID: "0f4c1c52-6f0d-4b8e-9a39-0d6b3f1a2c02", GivenName: "Ben", FamilyName: "Busch", Email: "ben@systemhaus.example", Language: "en",
	Role: "reseller_technology", Reseller: anna.Reseller,
}

// house is a portal with everything that belongs to it, and the Reseller Portal that it takes over from.
type house struct {
	*testing.T
	portal *Portal
	seller *demorsp.Server
}

func startHouse(t *testing.T, differ ...func(*Config)) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	h := &house{T: t}
	h.seller, err = demorsp.Serve(l)
	check(t, err)
	t.Cleanup(func() { check(t, h.seller.Close()) })
	cfg := Config{
		Listen: "127.0.0.1:0", NodeListen: "127.0.0.1:0", DataDir: t.TempDir(), PostgresURL: postgrestest.URL(t), Reseller: h.seller.Config(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, d := range differ {
		d(&cfg)
	}
	h.portal, err = Start(t.Context(), cfg)
	check(t, err)
	t.Cleanup(func() { check(t, h.portal.Close()) })
	stock := demorsp.NewInventory(anna, ben)
	from, until := time.Now().AddDate(0, -6, 0).UTC().Truncate(time.Hour), time.Now().AddDate(0, 6, 0).UTC().Truncate(time.Hour)
	for _, id := range []string{"1", "2", "3", "4", "5", "6", "7"} { // two pages
		stock.Put(resellerID, rsp.Account{ID: "c" + id, Number: "K-" + id, Name: "Customer " + id},
			rsp.License{ID: "l" + id, Name: "License " + id, Kind: "purchase", Seats: 5, TermYears: 1, ValidFrom: from, ValidUntil: until})
	}
	stock.Put(resellerID, rsp.Account{ID: "c8", Name: "Without a license"})
	h.seller.Open(stock, h.portal.PublicURL())
	return h
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// browser is somebody's, with cookies.
type browser struct {
	*house
	http *http.Client
	as   rsp.User // in the Reseller Portal
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	check(h, err)
	return &browser{house: h, as: anna, http: &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// page is what a browser shows in the end.
type page struct {
	status int
	url    *url.URL
	text   string
}

func (b *browser) do(r *http.Request) page {
	b.Helper()
	rs, err := b.http.Do(r)
	check(b, err)
	defer rs.Body.Close()
	body, err := io.ReadAll(rs.Body)
	check(b, err)
	return page{rs.StatusCode, rs.Request.URL, string(body)}
}

func (b *browser) open(address string) page {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil)
	check(b, err)
	return b.do(r)
}

func (b *browser) post(address string, form url.Values) page {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	check(b, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// api asks the portal's API and wants a status.
func (b *browser) api(status int, method, path string, body any) map[string]any {
	b.Helper()
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		check(b, err)
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(b.Context(), method, b.portal.PublicURL()+"/api/v1"+path, content)
	check(b, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	p := b.do(r)
	var answer map[string]any
	if p.text != "" {
		check(b, json.Unmarshal([]byte(p.text), &answer))
	}
	if p.status != status {
		b.Fatalf("%s %s: %d, want %d: %s", method, path, p.status, status, p.text)
	}
	return answer
}

func (b *browser) status(path string) int {
	b.Helper()
	return b.open(b.portal.PublicURL() + "/api/v1" + path).status
}

func hidden(p page, name string) string {
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.text)
	if found == nil {
		return ""
	}
	return found[1]
}

// toConsent signs in to the Reseller Portal, up to the page with the permissions.
func (b *browser) toConsent(path string) page {
	b.Helper()
	login := b.open(b.portal.PublicURL() + path)
	if login.url.Host != strings.TrimPrefix(b.seller.URL(), "http://") {
		b.Fatalf("%s leads to %s: %s", path, login.url, login.text)
	}
	return b.post(b.seller.URL()+"/login", url.Values{"request": {hidden(login, "request")}, "email": {b.as.Email}, "password": {demorsp.Password}})
}

func (b *browser) authorize(consent page) page {
	b.Helper()
	return b.post(b.seller.URL()+"/authorize-portal", url.Values{"request": {hidden(consent, "request")}, "consent": {hidden(consent, "consent")}})
}

func (b *browser) signIn() {
	b.Helper()
	if p := b.authorize(b.toConsent(web.LoginPath)); p.status != http.StatusOK || p.url.Path != "/" || !strings.Contains(p.text, "Signed in as") {
		b.Fatalf("after the consent: %d %s: %s", p.status, p.url, p.text)
	}
}

// synced waits until no synchronization runs.
func (b *browser) synced() map[string]any {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s := b.api(200, "GET", "/reseller/sync", nil)
		if s["state"] != "running" {
			return s
		}
		if time.Now().After(deadline) {
			b.Fatalf("still %v", s)
		}
	}
}

func (b *browser) caughtUp() {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	check(b, b.portal.WaitCaughtUp(ctx))
}

func TestFirstLogin(t *testing.T) {
	b := startHouse(t).browser()
	consent := b.toConsent(web.LoginPath + "?return_to=%2F%3Fwelcome")
	for _, permission := range []string{"show user", "show accounts", "display licenses"} {
		if !strings.Contains(consent.text, permission) {
			t.Errorf("the consent does not name %q", permission)
		}
	}
	if strings.Count(consent.text, "<button") != 1 {
		t.Errorf("the consent has not one button: %s", consent.text)
	}
	if p := b.authorize(consent); p.url.RequestURI() != "/?welcome" || !strings.Contains(p.text, "Signed in as") {
		t.Fatalf("after the consent: %s %s", p.url, p.text)
	}
	me := b.api(200, "GET", "/me", nil)
	if profile := b.api(200, "GET", "/me/profile", nil); profile["first_name"] != "Anna" || profile["email"] != anna.Email || profile["webinar_seen"] != false {
		t.Errorf("the profile: %v", profile)
	}
	if me["role"] != "reseller_admin" || me["tenant"] != strings.ReplaceAll(resellerID, "-", "") {
		t.Errorf("me: %v", me)
	}
	if s := b.synced(); s["state"] != "succeeded" || s["customers"] != 7.0 || s["licenses"] != 7.0 || s["changed"] != 14.0 || s["refused"] != 0.0 || s["trigger"] != "sign_in" {
		t.Errorf("the synchronization: %v", s)
	}
	b.caughtUp()
	licenses := b.api(200, "GET", "/licenses?count=true", nil)
	if licenses["total"] != 7.0 {
		t.Errorf("the licenses: %v", licenses)
	}
	if c := b.api(200, "GET", "/customers?count=true", nil); c["total"] != 7.0 { // the one without a license is left out
		t.Errorf("the customers: %v", c)
	}
	if r := b.api(200, "GET", "/reseller", nil); r["name"] != "Systemhaus" || r["language"] != "de" {
		t.Errorf("the reseller: %v", r)
	}
	log := b.api(200, "GET", "/activities?limit=200", nil)
	actions := map[any]int{}
	for _, a := range log["items"].([]any) {
		actions[a.(map[string]any)["action"]]++
	}
	if actions["session.begin"] != 1 || actions["sync.start"] != 1 || actions["customer.import"] != 7 || actions["license.import"] != 7 {
		t.Errorf("the action log: %v", actions)
	}
}

func TestSessionsOverHTTP(t *testing.T) {
	h := startHouse(t)
	one, two := h.browser(), h.browser()
	one.api(401, "GET", "/me", nil)
	one.signIn()
	two.signIn()
	list := one.api(200, "GET", "/me/sessions", nil)["items"].([]any)
	mine := one.api(200, "GET", "/session", nil)
	if len(list) != 2 || mine["current"] != true || mine["method"] != "reseller_portal" {
		t.Fatalf("sessions: %v, mine %v", list, mine)
	}
	theirs := two.api(200, "GET", "/session", nil)["id"].(string)
	one.api(204, "DELETE", "/me/sessions/"+theirs, nil)
	two.api(401, "GET", "/me", nil)
	one.api(404, "DELETE", "/me/sessions/"+theirs, nil)

	// Signing in again in the same browser ends the session before.
	one.signIn()
	if list := one.api(200, "GET", "/me/sessions", nil)["items"].([]any); len(list) != 1 || list[0].(map[string]any)["id"] == mine["id"] {
		t.Errorf("after signing in again: %v", list)
	}
	two.signIn()
	one.api(204, "DELETE", "/me/sessions", nil)
	one.api(401, "GET", "/me", nil)
	two.api(401, "GET", "/me", nil)
	two.signIn()
	two.api(204, "DELETE", "/session", nil)
	two.api(401, "GET", "/me", nil)

	// A page of somebody else can't use the cookie.
	one.signIn()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, h.portal.PublicURL()+"/api/v1/session", nil)
	check(t, err)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://evil.example")
	if p := one.do(r); p.status != http.StatusForbidden || !strings.Contains(p.text, "cross_origin") {
		t.Errorf("a foreign page: %d %s", p.status, p.text)
	}
	if p := one.post(h.portal.PublicURL()+"/auth/sign-out", nil); p.status != http.StatusOK || !strings.Contains(p.text, "Nobody is signed in") {
		t.Errorf("after signing out: %s", p.text)
	}
	one.api(401, "GET", "/me", nil)
}

// What comes back from the Reseller Portal is good once, in the browser in which it began, with what it began with.
func TestTheCallbackIsGoodOnce(t *testing.T) {
	h := startHouse(t)
	b := h.browser()
	consent := b.toConsent(web.LoginPath)
	b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == web.CallbackPath {
			return http.ErrUseLastResponse
		}
		return nil
	}
	b.authorize(consent)
	// Ask the provider again for where it sends us: the redirect was held back.
	var callback string
	b.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == web.CallbackPath {
			callback = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	b.authorize(b.toConsent(web.LoginPath))
	b.http.CheckRedirect = nil
	if callback == "" {
		t.Fatal("no callback was seen")
	}
	if p := h.browser().open(callback); p.status != http.StatusBadRequest {
		t.Errorf("in another browser: %d %s", p.status, p.text)
	}
	var good int
	var mu sync.Mutex
	var all sync.WaitGroup
	cookies := b.http.Jar.Cookies(mustParse(t, h.portal.PublicURL()))
	for range 20 {
		all.Go(func() {
			jar, _ := cookiejar.New(nil)
			jar.SetCookies(mustParse(t, h.portal.PublicURL()), cookies)
			client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
			rs, err := client.Get(callback)
			if err != nil {
				t.Error(err)
				return
			}
			defer rs.Body.Close()
			body, _ := io.ReadAll(rs.Body)
			if strings.Contains(string(body), "Signed in as") {
				mu.Lock()
				good++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if good != 1 {
		t.Errorf("the same callback was good %d times", good)
	}
	for _, path := range []string{"", "?state=x&code=y", "?error=access_denied&state=x"} {
		if p := b.open(h.portal.PublicURL() + web.CallbackPath + path); p.status != http.StatusBadRequest {
			t.Errorf("callback%s: %d", path, p.status)
		}
	}
	for _, evil := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:alert(1)"} {
		b := h.browser()
		if p := b.authorize(b.toConsent(web.LoginPath + "?return_to=" + url.QueryEscape(evil))); p.url.String() != h.portal.PublicURL()+"/" {
			t.Errorf("return_to=%s leads to %s", evil, p.url)
		}
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	check(t, err)
	return u
}

func TestSynchronizing(t *testing.T) {
	h := startHouse(t)
	b := h.browser()
	b.signIn()
	b.synced()
	b.caughtUp()

	// A renewal is followed, at once for one license, or with all others. What is not listed any more stays.
	later := time.Now().AddDate(2, 0, 0).UTC().Truncate(time.Hour)
	h.seller.Change(resellerID, "l1", func(l *rsp.License) { l.ValidUntil, l.Name = later, "Renewed" })
	if c := b.api(200, "POST", "/licenses/l1/refresh", nil); c["changed"] != true {
		t.Errorf("the refresh: %v", c)
	}
	if c := b.api(200, "POST", "/licenses/l1/refresh", nil); c["changed"] != false {
		t.Errorf("the refresh again: %v", c)
	}
	h.seller.Change(resellerID, "l2", func(l *rsp.License) { l.ValidUntil = later })
	h.seller.Change(resellerID, "l3", func(l *rsp.License) { l.ValidUntil = l.ValidUntil.AddDate(0, -1, 0) }) // never back
	h.seller.Drop(resellerID, "l4")
	h.seller.Expire() // so that the refresh token is needed
	_, err := h.portal.writers.Exec(t.Context(), `UPDATE vault.rsp_grant SET expires_at = now()`)
	check(t, err)
	b.api(202, "POST", "/reseller/sync", nil)
	s := b.synced()
	problems := s["problems"].([]any)
	if s["state"] != "succeeded" || s["trigger"] != "demand" || s["changed"] != 1.0 || s["refused"] != 1.0 || len(problems) != 1 ||
		problems[0].(map[string]any)["code"] != "renewal_not_forward" || problems[0].(map[string]any)["id"] != "l3" {
		t.Errorf("the synchronization: %v", s)
	}
	b.caughtUp()
	if l := b.api(200, "GET", "/licenses/l2", nil); l["valid_until"] != later.Format(time.RFC3339) {
		t.Errorf("the renewed license: %v", l)
	}
	if l := b.api(200, "GET", "/licenses/l1", nil); l["name"] != "Renewed" {
		t.Errorf("the refreshed license: %v", l)
	}
	b.api(200, "GET", "/licenses/l4", nil)
	if p := b.api(409, "POST", "/licenses/l4/refresh", nil); p["code"] != "not_in_reseller_portal" {
		t.Errorf("a license that is not listed: %v", p)
	}
	b.api(404, "POST", "/licenses/none/refresh", nil)

	// A Reseller Portal that is away breaks a synchronization off, and the next one repairs it.
	h.seller.GoAway(true)
	b.api(202, "POST", "/reseller/sync", nil)
	if s := b.synced(); s["state"] != "failed" || s["failure"] != "reseller_portal_unavailable" || s["succeeded_at"] == nil {
		t.Errorf("while it is away: %v", s)
	}
	if p := b.api(503, "POST", "/licenses/l1/refresh", nil); p["code"] != "reseller_portal_unavailable" {
		t.Errorf("while it is away: %v", p)
	}
	h.seller.GoAway(false)
	_, err = h.portal.writers.Exec(t.Context(), `UPDATE vault.rsp_sync SET due_at = now()`)
	check(t, err)
	check(t, h.portal.reseller.RunDue(t.Context()))
	if s := b.synced(); s["state"] != "succeeded" || s["trigger"] != "daily" {
		t.Errorf("the daily one: %v", s)
	}

	// What was granted may be withdrawn; then somebody must sign in again.
	h.seller.Withdraw(anna.ID)
	_, err = h.portal.writers.Exec(t.Context(), `UPDATE vault.rsp_grant SET expires_at = now()`)
	check(t, err)
	if p := b.api(409, "POST", "/licenses/l1/refresh", nil); p["code"] != "reseller_portal_not_connected" {
		t.Errorf("withdrawn: %v", p)
	}
	if s := b.api(200, "GET", "/reseller/sync", nil); s["connected"] != false || s["due_at"] != nil {
		t.Errorf("withdrawn: %v", s)
	}
	b.signIn()
	if s := b.api(200, "GET", "/reseller/sync", nil); s["connected"] != true {
		t.Errorf("granted again: %v", s)
	}
	var leaks int
	check(t, h.portal.writers.QueryRow(t.Context(), `SELECT count(*) FROM vault.rsp_grant g WHERE g::text ~ 'Refresh|Access'`).Scan(&leaks))
	if leaks != 0 {
		t.Error("a grant stands in the database in clear")
	}
}

// Who is shut out, or gets another role, is signed out everywhere, and comes in again as what he is by then.
func TestWhoIsShutOutIsSignedOut(t *testing.T) {
	h := startHouse(t)
	admin, b := h.browser(), h.browser()
	admin.signIn()
	b.as = ben
	b.signIn()
	me := b.api(200, "GET", "/me", nil)
	if me["role"] != "reseller_technician" {
		t.Fatalf("me: %v", me)
	}
	gone := func() {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if b.status("/me") == http.StatusUnauthorized {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("still signed in after 5 seconds")
			}
		}
	}
	path := "/users/" + me["id"].(string)
	admin.api(200, "PATCH", path, map[string]any{"role": "reseller_readonly"})
	gone()
	b.signIn()
	if me := b.api(200, "GET", "/me", nil); me["role"] != "reseller_readonly" {
		t.Errorf("after the change: %v", me)
	}
	admin.api(200, "POST", path+"/deactivate", nil)
	gone()
	if p := b.authorize(b.toConsent(web.LoginPath)); p.status != http.StatusForbidden || !strings.Contains(p.text, "no access") {
		t.Errorf("who was shut out: %d %s", p.status, p.text)
	}
}

func TestPeopleSignInByHTTPSOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"https://portal.example": true, "http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:1": true,
		"http://portal.example": false, "http://10.0.0.1": false, "ftp://portal.example": false, "portal.example": false, "https://portal.example/av": false,
	} {
		p := &Portal{cfg: Config{PublicURL: address, Reseller: rsp.Config{Issuer: "https://reseller.example"}}}
		public, cookies, err := p.public()
		if (err == nil) != want || want && (public != address || cookies.Secure != strings.HasPrefix(address, "https")) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
