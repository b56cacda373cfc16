// Package agent is what devices talk to: the device API that package wire describes, on routes of its own.
package agent

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"avportal/commands"
	"avportal/domain"
	"avportal/http/agent/wire"
	"avportal/http/secrets"
	"avportal/projections/live"
)

// Config is what the device API works with.
type Config struct {
	Commands    *commands.Handler
	Credentials *Credentials
	Secrets     *secrets.Vault // of configuration profiles
	Logs        *live.Logs     // that devices send when they are asked
	// Seen is told of every contact of a device. It must not block.
	Seen func(tenant domain.Tenant, device domain.DeviceID, at time.Time)
	Now  func() time.Time
	Log  *slog.Logger

	// DevicesPerSecond bounds what one device may send, with bursts of ten times as much; 0 means 5.
	DevicesPerSecond float64
	// Closing ends waiting polls when it is closed.
	Closing <-chan struct{}
	// Middleware stands on the router, where the route template is known; metrics, say.
	Middleware []mux.MiddlewareFunc
}

// enrollments of one TID: a rollout of a thousand computers at once is normal, a steady stream of them is not.
const (
	enrollBurst     = 1000
	enrollPerMinute = 60
)

type server struct {
	Config
	devices *lru.Cache[domain.DeviceID, *rate.Limiter]
	tids    *lru.Cache[string, *rate.Limiter]
}

// New makes the handler of everything below wire.BasePath.
func New(cfg Config) (http.Handler, error) {
	if cfg.DevicesPerSecond == 0 {
		cfg.DevicesPerSecond = 5
	}
	s := &server{Config: cfg}
	var err error
	if s.devices, err = lru.New[domain.DeviceID, *rate.Limiter](knownDevices); err != nil {
		return nil, err
	}
	if s.tids, err = lru.New[string, *rate.Limiter](10_000); err != nil {
		return nil, err
	}
	r := mux.NewRouter()
	r.Use(s.Middleware...)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, problem(http.StatusNotFound, "not_found", "There is no such address."))
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, problem(http.StatusMethodNotAllowed, "method_not_allowed", "This address does not know this method."))
	})
	r.HandleFunc(wire.EnrollPath, s.enroll).Methods(http.MethodPost)
	r.HandleFunc(wire.ReportsPath, s.device(s.report)).Methods(http.MethodPost)
	r.HandleFunc(wire.CommandsPath, s.device(s.poll)).Methods(http.MethodGet)
	r.HandleFunc(wire.CommandsPath+"/{id}/started", s.device(s.started)).Methods(http.MethodPost)
	r.HandleFunc(wire.CommandsPath+"/{id}/result", s.device(s.result)).Methods(http.MethodPost)
	return r, nil
}

// caller is a device that has shown its credential.
type caller struct {
	tenant domain.Tenant
	device domain.DeviceID
	now    time.Time
}

// request is what a command of the device has besides its fields.
func (c caller) request() commands.Request {
	return commands.Request{Actor: domain.DeviceActor(c.device, domain.Scope{Tenant: c.tenant}), At: c.now}
}

// device wraps what only a known device may do. An error that handle returns becomes a problem document.
func (s *server) device(handle func(context.Context, caller, http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.authenticate(r)
		if err == nil {
			err = handle(r.Context(), c, w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	}
}

func (s *server) authenticate(r *http.Request) (caller, error) {
	shown, err := wire.ParseCredential(r.Header.Get("Authorization"))
	if err != nil {
		return caller{}, err
	}
	id, tenant, err := s.Credentials.Authenticate(r.Context(), shown)
	if err != nil {
		return caller{}, err
	}
	if !allow(s.devices, id, rate.Limit(s.DevicesPerSecond), int(10*s.DevicesPerSecond)) {
		return caller{}, errTooFast
	}
	c := caller{tenant: tenant, device: id, now: s.Now()}
	s.Seen(tenant, id, c.now)
	return c, nil
}

// allow takes one from the budget that belongs to a key.
func allow[K comparable](budgets *lru.Cache[K, *rate.Limiter], key K, limit rate.Limit, burst int) bool {
	l, ok := budgets.Get(key)
	if !ok {
		l = rate.NewLimiter(limit, max(1, burst))
		if before, there, _ := budgets.PeekOrAdd(key, l); there { // a concurrent first call was quicker
			l = before
		}
	}
	return l.Allow()
}
