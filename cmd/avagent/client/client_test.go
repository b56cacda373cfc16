package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"avportal/http/agent/wire"
)

func serve(t testing.TB, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/", false, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.As(wire.Credential{DeviceID: "d1"})
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestWhatAnAnswerToAReportMeans(t *testing.T) {
	problem := func(status int) http.HandlerFunc {
		return answer(status, wire.ContentTypeProblem, fmt.Sprintf(`{"status":%d,"code":"some_code","detail":"why"}`, status))
	}
	page := func(status int) http.HandlerFunc { return answer(status, "text/html", "<h1>Sign in</h1>") }
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want Verdict
	}{
		{"204", answer(204, "", ""), Accepted},
		{"hotel's 200", page(200), Later},
		{"hotel's redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, Later},
		{"400", problem(400), Rejected}, {"422", problem(422), Rejected}, {"404", problem(404), Rejected}, {"409", problem(409), Rejected},
		{"401", problem(401), NotKnown}, {"403", problem(403), Forbidden}, {"410", problem(410), Removed},
		{"proxy's 404", page(404), Later}, {"proxy's 401", page(401), Later}, {"proxy's 410", page(410), Later}, {"proxy's 400", page(400), Later},
		{"proxy's 413", page(413), Rejected},
		{"429", problem(429), Later}, {"503", problem(503), Later}, {"500", page(500), Later}, {"408", problem(408), Later},
		{"damaged problem", answer(410, wire.ContentTypeProblem, `{"code":`), Later},
		{"cut connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Later},
	} {
		err := serve(t, c.h).Send(t.Context(), wire.ReportsPath, "k", []byte("{}"))
		if got := Judge(err); got != c.want {
			t.Errorf("%s: verdict %d (%v), want %d", c.name, got, err, c.want)
		}
	}
}

func TestRequestsCarryWhatTheContractSays(t *testing.T) {
	var got *http.Request
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		w.WriteHeader(http.StatusNoContent)
	})
	if err := c.Send(t.Context(), wire.ReportsPath, "key1", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/agent/v1/reports" || got.Header.Get("Idempotency-Key") != "key1" ||
		got.Header.Get("Authorization") != (wire.Credential{DeviceID: "d1"}).Header() || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("report: %s %s %v", got.Method, got.URL, got.Header)
	}
	if _, _, err := c.Commands(t.Context(), 25*time.Second); err != nil || got.Method != http.MethodGet || got.URL.String() != "/agent/v1/commands?wait=25s" {
		t.Errorf("poll: %s %s, %v", got.Method, got.URL, err)
	}
}

func TestARedirectIsNotFollowedWithTheBearer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server got %s with %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if err := c.Send(t.Context(), wire.ReportsPath, "k", []byte("{}")); err == nil {
		t.Error("a redirect counted as success")
	}
}

func TestUnencryptedServersAreRefused(t *testing.T) {
	for server, ok := range map[string]bool{
		"https://portal.example.com": true, "https://portal.example.com/sub/": true, "http://localhost:8080": true,
		"http://127.0.0.1:1": true, "http://[::1]:8080": true, "http://portal.example.com": false, "http://localhost.example.com": false,
		"portal.example.com": false, "ftp://x": false, "": false, "https://user:pass@x": false, "https://x?q=1": false, "https://x#f": false,
	} {
		if _, err := New(server, false, "test"); (err == nil) != ok {
			t.Errorf("New(%q): %v", server, err)
		}
	}
	if _, err := New("http://portal.example.com", true, "test"); err != nil {
		t.Errorf("with consent: %v", err)
	}
}

func TestSkewIsThePortalsClockLessOurs(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-2*time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"commands":[{"id":"c1","kind":"scan","of_the_future":{}}],"more":1}`)
	})
	commands, skew, err := c.Commands(t.Context(), time.Second)
	if err != nil || len(commands) != 1 || commands[0].ID != "c1" || (skew+2*time.Hour).Abs() > time.Minute {
		t.Fatalf("%+v, skew %v, %v", commands, skew, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-3": 0, "soon": 0, "99999999": maxRetryAfter, "1e3": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", value, got, want)
		}
	}
}

func TestBackoffGrowsWithChanceAndObeysThePortal(t *testing.T) {
	b := DefaultBackoff()
	plain := errors.New("refused")
	for i, whole := 0, b.Min; i < 200; i, whole = i+1, min(2*whole, b.Max) {
		if d := b.Next(plain); d < whole/2 || d > whole {
			t.Fatalf("wait %d is %v, want between half of %v and all of it", i, d, whole)
		}
	}
	for range 100 {
		if d := b.Next(&Refusal{Status: 503, RetryAfter: 40 * time.Second}); d < 40*time.Second || d > 60*time.Second {
			t.Fatalf("Retry-After 40 s: %v", d)
		}
		unknown := &Refusal{Status: 401, Problem: wire.Problem{Code: wire.CodeUnauthorized}}
		if d := b.Next(unknown); d < b.Rare/2 {
			t.Fatalf("an unknown credential is tried again after %v", d)
		}
	}
	if b.Reset(); b.Next(plain) > b.Min {
		t.Fatal("Reset does not begin anew")
	}
}

func FuzzServerAnswers(f *testing.F) {
	for _, seed := range []string{`{"commands":[{"id":"c","kind":"scan","expires_at":"2026-01-01T00:00:00Z"}]}`, `{"device_id":"d"}`, `{"code":"x"}`, `[]`, `null`, "\x00", `{"commands":null}`, `{"device_id":"a.b\r\n"}`} {
		f.Add(200, "application/json", seed, "Mon, 02 Jan 2006 15:04:05 GMT", "3")
		f.Add(201, "application/json", seed, "", "")
		f.Add(410, "application/problem+json", seed, "x", "-1")
	}
	var status int
	var contentType, body, date, retry string
	c := serve(f, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Date", date)
		w.Header().Set("Retry-After", retry)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	f.Fuzz(func(t *testing.T, s int, kind, content, when, after string) {
		status, contentType, body, date, retry = 200+((s%400)+400)%400, kind, content, when, after
		_, _, err := c.Commands(t.Context(), time.Second)
		if v := Judge(err); (v == Removed) != (status == 410 && err != nil && strings.Contains(err.Error(), "refused")) {
			t.Fatalf("%d %q %q: verdict %d, %v", status, kind, content, v, err)
		}
		b := DefaultBackoff()
		if d := b.Next(err); d < 0 || d > 2*maxRetryAfter {
			t.Fatalf("wait %v", d)
		}
		enrolled, err := c.Enroll(t.Context(), wire.EnrollRequest{})
		if err == nil && (status != 201 || enrolled.DeviceID == "" || strings.ContainsAny(enrolled.DeviceID, ".\r\n")) {
			t.Fatalf("%d %q enrolled as %q", status, content, enrolled.DeviceID)
		}
	})
}
