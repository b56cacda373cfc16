// Package portaltest is a small portal for tests of the agent: the device API over real HTTP, with faults on demand.
package portaltest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	listener, err := (&net.ListenConfig{}).Listen(p.tb.Context(), "tcp", address)
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

// Remove makes the portal forget all devices; their guids may enroll again.
func (p *Portal) Remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.ids)
	clear(p.Open)
}
