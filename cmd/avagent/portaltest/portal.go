// Package portaltest is a small portal for tests of the agent: the device API over real HTTP, with faults on demand.
package portaltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"avportal/http/agent/wire"
)

// TID that the portal knows.
const TID = "tid-of-the-test"

// Fault is what goes wrong with a request.
type Fault int

// Faults.
const (
	None        Fault = iota
	Unavailable       // 503 with Retry-After: 1, nothing done
	BadRequest        // 400, nothing done
	Unknown           // 401, nothing done
	Gone              // 410, nothing done
	Page              // 200 with an HTML page, nothing done
	Lost              // done, but the answer never arrives
	Hang              // done, and then no answer until the device goes away
)

// Portal is the portal. Its fields are guarded by its mutex; use View to look at them.
type Portal struct {
	tb      testing.TB
	address string
	server  *httptest.Server

	mu      sync.Mutex
	changed *sync.Cond
	fault   func(*http.Request) Fault

	PollWaitSeconds, ReportIntervalSeconds int

	Devices  map[string]wire.EnrollRequest // by device id
	ids      map[string]string             // by guid
	Requests []string                      // "METHOD path" of everything that came, in order
	Reports  []wire.Report                 // each once, in the order of their first arrival
	bodies   map[string][]byte
	Offered  []wire.Command
	Started  map[string]wire.CommandStarted
	Results  map[string]wire.CommandResult
	Open     map[string]wire.Threat // what the portal believes to be open
	// Broken lists where the device broke the contract.
	Broken []string
}

// Start starts a portal that ends with the test.
func Start(tb testing.TB) *Portal {
	tb.Helper()
	p := &Portal{
		tb: tb, PollWaitSeconds: 1, ReportIntervalSeconds: 3600,
		Devices: map[string]wire.EnrollRequest{}, ids: map[string]string{}, bodies: map[string][]byte{},
		Started: map[string]wire.CommandStarted{}, Results: map[string]wire.CommandResult{}, Open: map[string]wire.Threat{},
	}
	p.changed = sync.NewCond(&p.mu)
	p.Up()
	tb.Cleanup(func() {
		p.Down()
		for _, b := range p.Broken {
			tb.Errorf("the device broke the contract: %s", b)
		}
	})
	return p
}

// URL of the portal; it stays over Down and Up.
func (p *Portal) URL() string { return "http://" + p.address }

// Up makes the portal reachable.
func (p *Portal) Up() {
	p.tb.Helper()
	address := p.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.address = listener.Addr().String()
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	_ = p.server.Listener.Close()
	p.server.Listener = listener
	p.server.Start()
}

// Down makes the portal unreachable and cuts every connection. What it knows it keeps.
func (p *Portal) Down() {
	if p.server == nil {
		return
	}
	p.server.CloseClientConnections()
	p.server.Close()
	p.server = nil
}

// Faults sets what goes wrong from now on; nil for nothing.
func (p *Portal) Faults(f func(*http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Offer gives the devices a command.
func (p *Portal) Offer(c wire.Command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.RequestedAt.IsZero() {
		c.RequestedAt = time.Now().UTC()
	}
	p.Offered = append(p.Offered, c)
	p.changed.Broadcast()
}

// View runs fn while nothing changes.
func (p *Portal) View(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// Wait waits until the condition holds, at most a minute.
func (p *Portal) Wait(what string, condition func() bool) {
	p.tb.Helper()
	deadline := time.AfterFunc(time.Minute, p.changed.Broadcast)
	defer deadline.Stop()
	until := time.Now().Add(time.Minute)
	p.mu.Lock()
	defer p.mu.Unlock()
	for !condition() {
		if !time.Now().Before(until) {
			p.tb.Fatalf("not within a minute: %s. Last requests: %v", what, p.Requests[max(0, len(p.Requests)-12):])
		}
		p.changed.Wait()
	}
}

func (p *Portal) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBodyBytes))
	if err != nil {
		return // cut off
	}
	p.mu.Lock()
	p.Requests = append(p.Requests, r.Method+" "+r.URL.Path)
	p.changed.Broadcast()
	fault := None
	if p.fault != nil {
		fault = p.fault(r)
	}
	p.mu.Unlock()
	switch fault {
	case Unavailable:
		w.Header().Set(wire.HeaderRetryAfter, "1")
		refuse(w, http.StatusServiceUnavailable, wire.CodeUnavailable)
	case BadRequest:
		refuse(w, http.StatusBadRequest, wire.CodeInvalidRequest)
	case Unknown:
		refuse(w, http.StatusUnauthorized, wire.CodeUnauthorized)
	case Gone:
		refuse(w, http.StatusGone, wire.CodeDeviceRemoved)
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>Welcome to the hotel</h1>")
	case Lost:
		p.handle(httptest.NewRecorder(), r, body)
		panic(http.ErrAbortHandler)
	case Hang:
		p.handle(httptest.NewRecorder(), r, body)
		<-r.Context().Done()
	default:
		p.handle(w, r, body)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", wire.ContentTypeProblem)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(wire.Problem{Title: code, Status: status, Code: code})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", wire.ContentTypeJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (p *Portal) handle(w http.ResponseWriter, r *http.Request, body []byte) {
	if r.URL.Path == wire.EnrollPath {
		p.enroll(w, body)
		return
	}
	credential, err := wire.ParseCredential(r.Header.Get("Authorization"))
	p.mu.Lock()
	device, ok := p.Devices[credential.DeviceID]
	p.mu.Unlock()
	if err != nil || !ok || device.SecretHash != wire.HashSecret(credential.Secret) {
		refuse(w, http.StatusUnauthorized, wire.CodeUnauthorized)
		return
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, wire.CommandsPath+"/"), "/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == wire.CommandsPath:
		p.poll(w, r)
	case r.URL.Path == wire.ReportsPath:
		p.report(w, r, body)
	case what == "started":
		once(p, w, body, id+"/started", func(s wire.CommandStarted) { p.Started[id] = s })
	case what == "result":
		once(p, w, body, id+"/result", func(s wire.CommandResult) {
			p.Results[id] = s
			p.learn(s.Threats)
		})
	default:
		p.broke("unknown call %s %s", r.Method, r.URL.Path)
		refuse(w, http.StatusNotFound, wire.CodeUnknownCommand)
	}
}

func (p *Portal) enroll(w http.ResponseWriter, body []byte) {
	var req wire.EnrollRequest
	if !p.decode(w, body, &req) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	if req.TID != TID {
		refuse(w, http.StatusForbidden, wire.CodeUnknownTID)
		return
	}
	id, known := p.ids[req.DeviceGUID]
	if known && p.Devices[id].SecretHash != req.SecretHash {
		refuse(w, http.StatusConflict, wire.CodeGUIDConflict)
		return
	}
	if !known {
		id = fmt.Sprintf("device-%d", len(p.Devices)+1)
		p.ids[req.DeviceGUID], p.Devices[id] = id, req
	}
	reply(w, http.StatusCreated, wire.Enrolled{DeviceID: id, PollWaitSeconds: p.PollWaitSeconds, ReportIntervalSeconds: p.ReportIntervalSeconds})
}

// Remove makes the portal forget all devices; their guids may enroll again.
func (p *Portal) Remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.ids)
	clear(p.Open)
}

func (p *Portal) poll(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	if err != nil || wait <= 0 || wait > wire.MaxPollWait {
		p.broke("wait=%q", r.URL.Query().Get("wait"))
	}
	until := time.Now().Add(wait)
	timer := time.AfterFunc(wait, p.changed.Broadcast)
	defer timer.Stop()
	stop := func() bool { return r.Context().Err() != nil || !time.Now().Before(until) }
	defer context.AfterFunc(r.Context(), p.changed.Broadcast)()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var open []wire.Command
		for _, c := range p.Offered {
			_, started := p.Started[c.ID]
			_, ended := p.Results[c.ID]
			if !started && !ended {
				open = append(open, c)
			}
		}
		if len(open) > 0 {
			reply(w, http.StatusOK, wire.Commands{Commands: open})
			return
		}
		if stop() {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		p.changed.Wait()
	}
}

func (p *Portal) report(w http.ResponseWriter, r *http.Request, body []byte) {
	var report wire.Report
	if !p.decode(w, body, &report) {
		return
	}
	if r.Header.Get(wire.HeaderIdempotencyKey) != report.ID || report.ID == "" {
		p.broke("report %q with key %q", report.ID, r.Header.Get(wire.HeaderIdempotencyKey))
	}
	if again := report; again.Clean() != 0 {
		p.broke("report outside the limits: %s", body)
	}
	once(p, w, body, report.ID, func(r wire.Report) {
		p.Reports = append(p.Reports, r)
		p.learn(r.Threats)
		if !r.ThreatsComplete {
			return
		}
		for id := range p.Open {
			if !slices.ContainsFunc(r.Threats, func(t wire.Threat) bool { return t.ID == id }) {
				delete(p.Open, id)
			}
		}
	})
}

// once applies what came the first time, and answers every time. Another content under the same id breaks the contract.
func once[T any](p *Portal, w http.ResponseWriter, body []byte, key string, apply func(T)) {
	var value T
	if !p.decode(w, body, &value) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	if before, known := p.bodies[key]; !known {
		p.bodies[key] = body
		apply(value)
	} else if !bytes.Equal(before, body) {
		p.Broken = append(p.Broken, fmt.Sprintf("%s came again with another content:\n%s\n%s", key, before, body))
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Portal) learn(threats []wire.Threat) {
	for _, t := range threats {
		if t.Resolved {
			delete(p.Open, t.ID)
		} else {
			p.Open[t.ID] = t
		}
	}
}

func (p *Portal) decode(w http.ResponseWriter, body []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		p.broke("body %q: %v", body, err)
		refuse(w, http.StatusBadRequest, wire.CodeInvalidRequest)
		return false
	}
	return true
}

func (p *Portal) broke(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Broken = append(p.Broken, fmt.Sprintf(format, args...))
}
