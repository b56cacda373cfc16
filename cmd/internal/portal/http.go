package portal

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"avportal/http/agent"
	"avportal/http/agent/wire"
	"avportal/http/api"
	"avportal/http/api/changes"
	"avportal/http/signin/sessions"
	"avportal/http/web"
	"avportal/projections"
)

// serve answers HTTP: the device API on its own router, everything else by the API for people and scripts.
func (p *Portal) serve(ctx, background context.Context) (err error) {
	devices, err := p.deviceAPI(ctx)
	if err != nil {
		return err
	}
	var cookies sessions.Cookies
	p.publicURL, cookies, err = p.public()
	if err == nil {
		err = p.passwords.ServeAt(p.publicURL)
	}
	if err != nil {
		return err
	}
	people, err := p.peopleAPI(background, cookies)
	if err != nil {
		return err
	}
	pages := web.New(web.Config{PublicURL: p.publicURL, SignIn: p.signin, Reseller: p.reseller, Cookies: cookies, DB: p.writers, Log: p.cfg.Log})
	p.metrics.registry.MustRegister(p.engine.Collector(), p.analysts.Collector())
	root := mux.NewRouter().SkipClean(true) // each side judges odd paths itself
	root.PathPrefix(wire.BasePath + "/").Handler(devices)
	root.PathPrefix(web.AuthPath).Handler(pages)
	root.Path("/").Handler(pages)
	root.PathPrefix("/").Handler(people)
	p.server = &http.Server{
		Handler:           root,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      wire.MaxPollWait + 30*time.Second, // a long poll; event streams lift it
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	p.work.Go(func() {
		if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- err
		}
	})
	return nil
}

func (p *Portal) deviceAPI(ctx context.Context) (http.Handler, error) {
	credentials, err := agent.NewCredentials(ctx, p.writers)
	if err != nil {
		return nil, err
	}
	return agent.New(agent.Config{
		Commands: p.commands, Credentials: credentials, Secrets: p.secrets, Logs: p.logs, Seen: p.Seen, Now: time.Now, Log: p.cfg.Log,
		DevicesPerSecond: p.cfg.DevicesPerSecond, Closing: p.closing, Middleware: []mux.MiddlewareFunc{p.metrics.middleware},
	})
}

func (p *Portal) peopleAPI(background context.Context, cookies sessions.Cookies) (http.Handler, error) {
	broadcaster := changes.New(p.store, p.tail, p.cfg.Log)
	p.work.Go(func() { broadcaster.Run(background) })
	return api.New(api.Config{
		Commands: p.commands, Store: p.store, Readers: p.readers, Past: p.past, Signals: p.engine.Signals(), Tokens: p.tokens, Secrets: p.secrets, Webhooks: p.webhooks, Logs: p.logs, Changes: broadcaster,
		SignIn: p.signin, Credentials: p.passwords, Cookies: cookies, Reseller: p.reseller, Now: time.Now, Log: p.cfg.Log, Ready: p.ready, Metrics: p.metrics.handler(),
		Operator: p.operator, Mails: p.mailer, Background: func(f func(context.Context)) { p.work.Go(func() { f(background) }) },
		Middleware: []mux.MiddlewareFunc{p.metrics.middleware}, Closing: p.closing, RequestsPerSecond: p.cfg.RequestsPerSecond,
	})
}

// readiness is the body of /readyz.
type readiness struct {
	Ready      bool         `json:"ready"`
	EventStore string       `json:"eventstore"` // "ok", or what is wrong
	Postgres   string       `json:"postgres"`
	Mail       string       `json:"mail"` // "ok", "off", or what waits and why
	Views      []viewHealth `json:"views"`
	Policies   []viewHealth `json:"policies"`
}

type viewHealth struct {
	Name     string  `json:"name"`
	Position string  `json:"position"`
	Behind   float64 `json:"behind_seconds"`
	State    string  `json:"state"` // "up to date", "behind", "paused", "not built yet", or "halted: ..." with the event at fault
}

// ready tells whether requests can be served, and where each view stands. A view that has halted is told but does not
// take the portal away: what it shows is old, not wrong.
func (p *Portal) ready(ctx context.Context) (any, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r := readiness{Ready: true, EventStore: "ok", Postgres: "ok", Views: []viewHealth{}, Policies: []viewHealth{}}
	if _, err := p.store.Head(ctx); err != nil {
		r.Ready, r.EventStore = false, "unreachable"
	}
	views, err := p.engine.Status(ctx)
	if err != nil {
		r.Ready, r.Postgres = false, "unreachable"
	}
	added, err := p.analysts.Status(ctx)
	if err != nil {
		r.Ready, r.Postgres = false, "unreachable"
	}
	for _, v := range added {
		if v.Version > 0 { // one that is being built keeps nobody waiting
			views = append(views, v)
		}
	}
	for _, v := range views {
		r.Ready = r.Ready && (v.Version > 0 || v.Halted != nil)
		r.Views = append(r.Views, healthOf(v))
	}
	policies, err := p.engine.PolicyStatus(ctx)
	if err != nil {
		r.Ready, r.Postgres = false, "unreachable"
	}
	for _, s := range policies {
		r.Policies = append(r.Policies, healthOf(projections.Status{
			View: s.Name, Version: 1, Position: s.Position, Head: s.Head, Behind: s.Behind, Halted: s.Halted,
		}))
	}
	r.Mail = p.mailHealth(ctx)
	return r, r.Ready
}

func healthOf(v projections.Status) viewHealth {
	h := viewHealth{Name: v.View, Position: v.Position.String(), Behind: v.Behind.Seconds(), State: "up to date"}
	switch {
	case v.Halted != nil:
		h.State = "halted: " + v.Halted.EventType + " at " + v.Halted.Position + ": " + v.Halted.Message
	case v.Version == 0:
		h.State = "not built yet"
	case v.Paused:
		h.State = "paused"
	case v.Position.Compare(v.Head) < 0:
		h.State = "behind"
	}
	return h
}
