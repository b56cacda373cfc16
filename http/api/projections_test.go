package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

const projectionsPath = "/api/v1/projections"

// finished waits for the end of what is being done with a view.
func (p *portal) finished(operator, view string) map[string]any {
	p.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		o, _ := p.must(200, operator, "GET", projectionsPath+"/"+view, nil).body["operation"].(map[string]any)
		if o != nil && o["state"] != "running" {
			return o
		}
		if time.Now().After(deadline) {
			p.Fatalf("still running: %v", o)
		}
	}
}

func TestOperatingProjections(t *testing.T) {
	p := start(t)
	p.fleet()
	operator := p.token(domain.Operator, "", "")
	got := p.must(200, operator, "GET", projectionsPath, nil)
	if len(list(got)) < 4 || len(got.body["policies"].([]any)) != 1 {
		t.Errorf("%s", got.raw)
	}
	for _, task := range []string{"rebuild", "verify", "rollback"} {
		p.must(202, operator, "POST", projectionsPath+"/devices/"+task, nil)
		if o := p.finished(operator, "devices"); o["task"] != task || o["state"] != "done" || o["ended"] == nil {
			t.Errorf("%s: %v", task, o)
		}
	}
	got = p.must(200, operator, "GET", projectionsPath+"/devices", nil)
	if len(got.body["generations"].([]any)) != 2 || at(got.body, "projection", "verified") != nil || at(got.body, "projection", "previous_until") == nil {
		t.Errorf("after the rollback what was verified is the previous one: %s", got.raw)
	}
	p.must(202, operator, "POST", projectionsPath+"/licenses/pause", nil)
	if got := p.must(200, operator, "GET", projectionsPath+"/licenses", nil); at(got.body, "projection", "state") != "paused" {
		t.Errorf("%s", got.raw)
	}
	p.must(202, operator, "POST", projectionsPath+"/licenses/resume", nil)
	p.must(204, operator, "DELETE", projectionsPath+"/devices/generations/devices_prev", nil)
	p.must(204, operator, "POST", projectionsPath+"/policies/run%20job/rewind", nil)

	p.refused(409, "in_use", operator, "DELETE", projectionsPath+"/devices/generations/devices", nil)
	p.refused(404, "not_found", operator, "DELETE", projectionsPath+"/devices/generations/devices_prev", nil)
	p.refused(404, "not_found", operator, "DELETE", projectionsPath+"/devices/generations/licenses", nil)
	p.refused(404, "not_found", operator, "GET", projectionsPath+"/nothing", nil)
	p.refused(404, "not_found", operator, "GET", projectionsPath+"/licenses/progress", nil) // nothing was ever done with it
	p.refused(404, "not_found", operator, "POST", projectionsPath+"/nothing/rebuild", nil)
	p.refused(404, "not_found", operator, "POST", projectionsPath+"/policies/nobody/rewind", nil)
	p.refused(400, "invalid_request", operator, "POST", projectionsPath+"/devices/explode", nil)
	body := map[string]any{"event": uuid.NewString(), "reason": "why not"}
	p.refused(409, "not_halted", operator, "POST", projectionsPath+"/devices/quarantine", body)
	p.refused(409, "not_halted", operator, "POST", projectionsPath+"/policies/run%20job/quarantine", body)
	for _, path := range []string{"", "/devices", "/devices/progress", "/as-of"} {
		p.refused(403, "forbidden", p.admin, "GET", projectionsPath+path, nil)
	}
	p.refused(403, "forbidden", p.admin, "POST", projectionsPath+"/devices/rebuild", nil)
}

// slowAll is a log that is not read from its beginning while the gate is shut: that holds up a rebuild, but not the live views.
type slowAll struct {
	*memory.Store
	mu   sync.Mutex
	gate chan struct{} // nil: open
}

func newSlowAll() *slowAll { return &slowAll{Store: memory.New(catalog.Registry())} }

func (s *slowAll) shutGate() (open func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
	return sync.OnceFunc(func() { close(s.gate) })
}

func (s *slowAll) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil && from.IsZero() && d == eventstore.Forward {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	}
	return s.Store.ReadAll(ctx, from, d, limit)
}

func TestOneOperationAtATimeAndItsProgress(t *testing.T) {
	log := newSlowAll()
	p := startOn(t, log)
	p.fleet()
	operator := p.token(domain.Operator, "", "")
	open := log.shutGate()
	p.must(202, operator, "POST", projectionsPath+"/devices/rebuild", nil)
	for _, task := range []string{"rebuild", "verify", "rollback"} {
		p.refused(409, "operation_running", operator, "POST", projectionsPath+"/devices/"+task, nil)
	}
	messages := p.progress(operator, "devices")
	if first := <-messages; first.event != "progress" || first.data["state"] != "running" || first.data["task"] != "rebuild" {
		t.Errorf("%+v", first)
	}
	open()
	var last progressMessage
	for m := range messages {
		last = m
	}
	if last.event != "done" || last.data["state"] != "done" || last.data["events"].(float64) == 0 {
		t.Errorf("%+v", last)
	}
	if m := <-p.progress(operator, "devices"); m.event != "done" {
		t.Errorf("afterwards: %+v", m)
	}
}

type progressMessage struct {
	event string
	data  map[string]any
}

func (p *portal) progress(token, view string) <-chan progressMessage {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, p.server.URL+projectionsPath+"/"+view+"/progress", nil)
	check(p, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := p.server.Client().Do(r) //nolint:bodyclose // below
	check(p, err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		p.Fatalf("progress: %d", res.StatusCode)
	}
	out := make(chan progressMessage, 100)
	go func() {
		defer res.Body.Close()
		defer close(out)
		var m progressMessage
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				m.event = name
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &m.data); err != nil {
					p.Error(err)
				}
				out <- m
				m = progressMessage{}
			}
		}
	}()
	return out
}

// A view stands before an event that can't be; an operator has it left out. Repeated, it does nothing twice.
func TestQuarantineByTheAPI(t *testing.T) {
	p := start(t)
	f := p.fleet()
	operator := p.token(domain.Operator, "", "")
	nobody := device.Stream(tenant, "nobody")
	poison := eventstore.Proposed{ID: uuid.New(), Event: device.Relabeled{Device: "nobody", To: "x"}}
	_, err := p.store.Append(p.Context(), nobody, eventstore.NoStream, []eventstore.Proposed{poison})
	check(p, err)
	var got answer
	for deadline := time.Now().Add(20 * time.Second); at(got.body, "projection", "state") != "halted"; time.Sleep(20 * time.Millisecond) {
		got = p.must(200, operator, "GET", projectionsPath+"/devices", nil)
		if time.Now().After(deadline) {
			t.Fatalf("%s", got.raw)
		}
	}
	if at(got.body, "projection", "halted", "event") != poison.ID.String() {
		t.Errorf("%s", got.raw)
	}
	body := map[string]any{"event": poison.ID.String(), "reason": "a device that never was"}
	first := p.must(200, operator, "POST", projectionsPath+"/devices/quarantine", body, "Idempotency-Key", "q1")
	k, v := p.caughtUp()
	p.must(200, p.admin, "GET", "/api/v1/devices/"+string(f.devices[0]), nil, k, v)
	again := p.must(200, operator, "POST", projectionsPath+"/devices/quarantine", body, "Idempotency-Key", "q1")
	if string(again.raw) != string(first.raw) {
		t.Errorf("%s, at first %s", again.raw, first.raw)
	}
	p.must(202, operator, "POST", projectionsPath+"/devices/verify", nil)
	if o := p.finished(operator, "devices"); o["state"] != "done" {
		t.Errorf("%v", o)
	}
}

func TestMomentsByTheAPI(t *testing.T) {
	p := start(t)
	p.fleet()
	operator := p.token(domain.Operator, "", "")
	asked := map[string]any{"at": p.head().String(), "tenant": string(tenant)}
	name := p.must(202, operator, "POST", projectionsPath+"/as-of", asked).body["name"].(string)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := p.must(200, operator, "GET", projectionsPath+"/as-of", nil)
		if items := list(got); len(items) == 1 && items[0]["name"] == name && items[0]["ready"] == true && items[0]["tenant"] == string(tenant) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s", got.raw)
		}
	}
	if again := p.must(202, operator, "POST", projectionsPath+"/as-of", asked); again.body["name"] != name || again.body["ready"] != true {
		t.Errorf("%s", again.raw)
	}
	p.must(204, operator, "DELETE", projectionsPath+"/as-of/"+name, nil)
	if got := p.must(200, operator, "GET", projectionsPath+"/as-of", nil); len(list(got)) != 0 {
		t.Errorf("%s", got.raw)
	}
	p.refused(400, "invalid_request", operator, "POST", projectionsPath+"/as-of", map[string]any{"at": "yesterday"})
	p.refused(400, "invalid_request", operator, "POST", projectionsPath+"/as-of", map[string]any{"at": "2999-01-01T00:00:00Z"})
}
