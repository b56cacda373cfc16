package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/http/api"
	"avportal/http/api/tokens"
)

// flood sends n requests and counts their answers by status.
func (p *portal) flood(n int, token string, headers ...string) map[int]int {
	p.Helper()
	statuses := map[int]int{}
	for range n {
		a := p.request(token, "GET", "/api/v1/me", nil, headers...)
		statuses[a.status]++
		if a.status == http.StatusTooManyRequests && (a.body["code"] != "rate_limited" || a.header.Get("Retry-After") != "1") {
			p.Fatalf("refused with %v: %s", a.header, a.raw)
		}
	}
	return statuses
}

func TestATokenHasABudget(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.RequestsPerSecond = 5 })
	other := p.token(domain.CustomerReadOnly, tenant, "c1")
	began := time.Now()
	got := p.flood(100, p.admin)
	most := 20 + 5*(int(time.Since(began).Seconds())+1)
	if got[200] < 20 || got[200] > most || got[200]+got[429] != 100 {
		t.Errorf("of 100 requests at once: %v, want 20 to %d served, the others refused", got, most)
	}
	p.must(200, other, "GET", "/api/v1/me", nil) // another token pays for itself
	for deadline := time.Now().Add(30 * time.Second); p.request(p.admin, "GET", "/api/v1/me", nil).status != 200; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the budget does not come back")
		}
	}
}

func TestStrangersHaveABudgetByAddress(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StrangersPerSecond = 0.01 }) // so that it does not come back within the test
	p.must(200, p.admin, "GET", "/api/v1/me", nil)                         // the one that the budget has
	guess := tokens.Prefix + strings.Repeat("a", 58)
	for i, token := range []string{"", guess, "nonsense"} {
		if got := p.flood(10, token, "X-Forwarded-For", "192.0.2."+string(rune('1'+i))); got[429] != 10 {
			t.Errorf("token %q: %v", token, got)
		}
	}
	// Whoever is known goes on, from the same address; a good token that was never seen has to wait.
	p.must(200, p.admin, "GET", "/api/v1/me", nil)
	p.must(429, p.token(domain.ResellerAdmin, tenant, ""), "GET", "/api/v1/me", nil)
	// Probes are not the API: who watches the portal must not be shut out with his neighbors.
	p.must(200, "", "GET", "/livez", nil)
}

func TestStrangersAreToldWhyUntilTheBudgetIsSpent(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StrangersPerSecond = 1 })
	if got := p.flood(5, ""); got[401] != 5 {
		t.Errorf("the first five: %v", got)
	}
	for deadline := time.Now().Add(30 * time.Second); p.request("", "GET", "/api/v1/me", nil).status != 429; {
		if time.Now().After(deadline) {
			t.Fatal("strangers are never refused")
		}
	}
}

func TestARevokedTokenIsAStranger(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StrangersPerSecond = 0.01 })
	own := p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "Script", "role": "reseller_admin"})
	p.must(204, p.admin, "DELETE", "/api/v1/tokens/"+at(own.body, "token", "id").(string), nil)
	p.must(429, own.body["secret"].(string), "GET", "/api/v1/me", nil)
	p.must(204, p.admin, "DELETE", "/api/v1/tokens/"+p.me(), nil)
	p.must(401, p.admin, "GET", "/api/v1/me", nil) // it was known
	p.must(429, p.admin, "GET", "/api/v1/me", nil)
}

// me is the id of the administrator's own token.
func (p *portal) me() string {
	p.Helper()
	for _, t := range list(p.must(200, p.admin, "GET", "/api/v1/tokens", nil)) {
		if t["name"] == string(domain.ResellerAdmin) {
			return t["id"].(string)
		}
	}
	p.Fatal("the administrator's token is not listed")
	return ""
}

func TestATokenHasSoManyEventStreams(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StreamsPerToken = 3 })
	var closeOne context.CancelFunc
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		closeOne = cancel
		p.listen(ctx, p.admin, "")
	}
	p.refused(429, "rate_limited", p.admin, "GET", "/api/v1/events", nil)
	p.listen(t.Context(), p.token(domain.ResellerAdmin, tenant, ""), "") // another token has its own
	closeOne()
	for deadline := time.Now().Add(30 * time.Second); p.streamStatus() != 200; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a stream that has ended still counts")
		}
	}
}

// streamStatus opens an event stream, and closes it.
func (p *portal) streamStatus() int {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.server.URL+"/api/v1/events", nil)
	check(p, err)
	r.Header.Set("Authorization", "Bearer "+p.admin)
	res, err := p.server.Client().Do(r)
	check(p, err)
	check(p, res.Body.Close())
	return res.StatusCode
}
