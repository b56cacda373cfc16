package api_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/http/api"
	"avportal/http/history"
)

// replay reads a history to its end.
func (p *portal) replay(token, query string) (events []history.Line, caughtUp bool) {
	p.Helper()
	a := p.must(200, token, "GET", "/api/v1/audit/events?"+query, nil)
	for l, err := range history.Read(strings.NewReader(string(a.raw))) {
		check(p, err)
		if caughtUp = l.CaughtUp; !l.CaughtUp && !l.Beat {
			events = append(events, l)
		}
	}
	return events, caughtUp
}

// The replay is every event of the reseller, telemetry too, with the bytes of the log, and nothing of others.
func TestTheWholeHistory(t *testing.T) {
	clock := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	store := memory.New(catalog.Registry())
	store.SetClock(func() time.Time { clock = clock.Add(time.Minute); return clock })
	p := startOn(t, store)
	p.fleet()
	var want []eventstore.Recorded
	for r, err := range store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		if r.Stream.Tenant == tenant {
			want = append(want, r)
		}
	}
	got, caughtUp := p.replay(p.admin, "")
	if len(got) != len(want) || !caughtUp {
		t.Fatalf("%d events, want %d; caught up: %v", len(got), len(want), caughtUp)
	}
	for i, r := range want {
		l := got[i]
		if l.Position != r.Position || l.Stream != r.Stream.String() || l.Revision != r.Revision || l.ID != r.ID || l.Type != r.Type || !l.At.Equal(r.At) ||
			string(l.Meta) != string(r.RawMeta) || string(l.Data) != string(r.Data) || l.Version != r.Meta.Version {
			t.Errorf("event %d: %+v, want %+v", i, l, r)
		}
	}
	// Taken up at any place, it goes on behind it.
	for _, i := range []int{0, 1, len(want) / 2, len(want) - 1} {
		rest, caughtUp := p.replay(p.admin, "after="+url.QueryEscape(want[i].Position.String()))
		if len(rest) != len(want)-i-1 || !caughtUp || len(rest) > 0 && rest[0].ID != want[i+1].ID {
			t.Errorf("after event %d: %d events", i, len(rest))
		}
		from := url.QueryEscape(want[i].At.Format(time.RFC3339Nano))
		if rest, _ := p.replay(p.admin, "from="+from); len(rest) != len(want)-i || rest[0].ID != want[i].ID {
			t.Errorf("from the time of event %d: %d events", i, len(rest))
		}
		if before, caughtUp := p.replay(p.admin, "to="+from); len(before) != i || !caughtUp {
			t.Errorf("before the time of event %d: %d events", i, len(before))
		}
	}
	// An auditor sees all of it but what lets devices in.
	redacted := 0
	all, _ := p.replay(p.token(domain.Auditor, tenant, ""), "")
	for _, l := range all {
		if strings.Contains(string(l.Data), `"key"`) {
			t.Errorf("an auditor is shown a key: %s", l.Data)
		}
		redacted += len(l.Redacted)
	}
	if len(all) != len(want) || redacted != 3 {
		t.Errorf("an auditor gets %d of %d events, %d redacted", len(all), len(want), redacted)
	}
	for token, status := range map[string]int{p.token(domain.CustomerAdmin, tenant, "c1"): 403, p.token(domain.ResellerReadOnly, tenant, ""): 403, p.token(domain.Operator, "", ""): 403} {
		p.refused(status, "forbidden", token, "GET", "/api/v1/audit/events", nil)
	}
	p.refused(400, "invalid_request", p.admin, "GET", "/api/v1/audit/events?after=yesterday", nil)
	if other, _ := p.replay(p.token(domain.ResellerAdmin, foreign, ""), ""); len(other) == 0 || len(other) >= len(want) {
		t.Errorf("the other reseller has %d events", len(other))
	}
}

// Who follows gets what happens, and is cut off when his token is revoked or the portal closes.
func TestFollowingTheHistory(t *testing.T) {
	p := start(t)
	p.fleet()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.URL+"/api/v1/audit/events?follow=true&after="+url.QueryEscape(p.head().String()), nil)
	check(t, err)
	r.Header.Set("Authorization", "Bearer "+p.admin)
	res, err := p.server.Client().Do(r)
	check(t, err)
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	next := func() string {
		line, err := in.ReadString('\n')
		check(t, err)
		return line
	}
	if line := next(); !strings.Contains(line, `"caught_up":true`) {
		t.Errorf("the first line is %s", line)
	}
	for i := range 3 {
		p.must(200, p.admin, "PATCH", "/api/v1/customers/c1", map[string]any{"name": fmt.Sprint("C", i)})
		if line := next(); !strings.Contains(line, `"customer.renamed"`) || !strings.Contains(line, fmt.Sprintf(`"to":"C%d"`, i)) {
			t.Errorf("change %d: %s", i, line)
		}
	}
	p.close()
	if _, err := in.ReadString('\n'); err == nil {
		t.Error("the stream goes on although the portal is closing")
	}
}

// Who goes away leaves nothing running: the place of his stream is free again.
func TestAnAbandonedDownloadEnds(t *testing.T) {
	p := startWith(t, func(c *api.Config) { c.StreamsPerToken = 1 })
	p.fleet()
	open := func() int {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.URL+"/api/v1/audit/events?follow=true", nil)
		check(t, err)
		r.Header.Set("Authorization", "Bearer "+p.admin)
		res, err := p.server.Client().Do(r)
		check(t, err)
		defer res.Body.Close()
		if res.StatusCode == http.StatusOK {
			_, err = bufio.NewReader(res.Body).ReadString('\n')
			check(t, err)
			p.refused(429, "rate_limited", p.admin, "GET", "/api/v1/devices/export?format=csv", nil)
		}
		return res.StatusCode
	}
	for range 3 {
		for deadline := time.Now().Add(10 * time.Second); open() != 200; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the stream of a caller who has gone still counts")
			}
		}
	}
}
