package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/domain/reseller"
	"avportal/eventstore/memory"
)

// message is one of an event stream.
type message struct {
	id, event string
	data      struct {
		Position string `json:"position"`
		Changes  []struct {
			Kind string `json:"kind"`
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"changes"`
	}
}

// listen opens an event stream; next waits for a message with an event.
func (p *portal) listen(ctx context.Context, token, after string) (next func() (message, bool)) {
	p.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server.URL+"/api/v1/events", nil)
	check(p, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	res, err := p.server.Client().Do(r)
	check(p, err)
	p.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("X-Accel-Buffering") != "no" {
		p.Fatalf("the stream: %d %v", res.StatusCode, res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	return func() (m message, ok bool) {
		p.Helper()
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				check(p, json.Unmarshal([]byte(value), &m.data))
			case "":
				if m.event != "" {
					return m, true
				}
			}
		}
		return m, false
	}
}

// until reads messages until one tells of a type, and answers all types that were told.
func (p *portal) until(next func() (message, bool), last string) (types []string, id string) {
	p.Helper()
	for {
		m, ok := next()
		if !ok {
			p.Fatalf("the stream ended after %q without %s", types, last)
		}
		for _, c := range m.data.Changes {
			types = append(types, c.Type)
			if c.Type == last {
				return types, m.id
			}
		}
	}
}

func TestTheStreamTellsWhatChanges(t *testing.T) { theStream(t, start(t)) }

func theStream(t *testing.T, p *portal) {
	t.Helper()
	f := p.fleet()
	everything := p.listen(t.Context(), p.admin, "")
	limited := p.listen(t.Context(), p.token(domain.CustomerReadOnly, tenant, "c1"), "")
	report := device.Report{Tenant: tenant, Device: f.beside, Threats: []device.Threat{{ID: "t1", Name: "Eicar", Path: "/x", Action: "none"}}, At: time.Now()}
	p.say(f.beside, uuid.Nil, report)
	p.must(200, p.admin, "PATCH", "/api/v1/devices/"+string(f.devices[0]), map[string]any{"label": "x"})
	p.must(201, p.token(domain.ResellerAdmin, foreign, ""), "POST", "/api/v1/customers", map[string]any{"name": "Fremd"})
	p.must(200, p.admin, "PATCH", "/api/v1/licenses/l1", map[string]any{"name": "End"})

	types, id := p.until(everything, "license.renamed")
	if got := strings.Join(types, " "); got != "device.threat_found device.relabeled license.renamed" {
		t.Errorf("the reseller was told %q", got)
	}
	if types, _ := p.until(limited, "license.renamed"); strings.Join(types, " ") != "device.relabeled license.renamed" {
		t.Errorf("the customer was told %q", types)
	}

	// Resumed behind the last message, the stream goes on without a gap.
	p.must(200, p.admin, "PATCH", "/api/v1/licenses/l1", map[string]any{"seats": 12})
	if types, _ := p.until(p.listen(t.Context(), p.admin, id), "license.seats_changed"); len(types) != 1 {
		t.Errorf("after resuming: %q", types)
	}
}

// What was never held by this process is told as a reset, not left out.
func TestTheStreamTellsThatItHasGaps(t *testing.T) {
	store := memory.New(catalog.Registry())
	first := commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: "operator", Role: domain.Operator}, At: time.Now(), ID: uuid.New()}
	_, err := commands.Do[reseller.State](t.Context(), commands.New(store), first, reseller.Register{Tenant: tenant, Name: "Systemhaus", At: time.Now()})
	check(t, err)
	p := startOn(t, store)
	next := p.listen(t.Context(), p.admin, "1/1")
	if m, ok := next(); !ok || m.event != "reset" || m.id != p.head().String() {
		t.Errorf("from long ago: %+v", m)
	}
	p.must(201, p.admin, "POST", "/api/v1/customers", map[string]any{"name": "Neu"})
	if types, _ := p.until(next, "customer.imported"); len(types) != 1 {
		t.Errorf("after the reset: %q", types)
	}
}

func TestTheStreamEndsWithItsToken(t *testing.T) {
	p := start(t)
	f := p.fleet()
	token := p.token(domain.ResellerReadOnly, tenant, "")
	next := p.listen(t.Context(), token, "")
	check(t, p.vault.Revoke(t.Context(), domain.Scope{Tenant: tenant}, p.tokenID(token)))
	p.must(200, p.admin, "PATCH", "/api/v1/devices/"+string(f.devices[0]), map[string]any{"label": "secret"})
	if m, ok := next(); ok {
		t.Errorf("a revoked token is told %+v", m)
	}
}

func TestTheStreamEndsWhenThePortalCloses(t *testing.T) {
	p := start(t)
	p.fleet()
	next := p.listen(t.Context(), p.admin, "")
	p.close()
	if m, ok := next(); ok {
		t.Errorf("a closing portal tells %+v", m)
	}
}
