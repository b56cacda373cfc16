// Package api is the portal's JSON API for its own pages and for integrators: openapi.yaml, served. The document is the
// contract; what it says of requests is checked before a handler runs, so handlers only translate to commands and queries.
package api

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/gorilla/mux"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/eventstore"
	"avportal/http/api/actionlog"
	"avportal/http/api/changes"
	"avportal/http/api/tokens"
	"avportal/http/mail"
	"avportal/http/rsp"
	"avportal/http/secrets"
	"avportal/http/signin"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
	"avportal/http/webhooks"
	"avportal/projections"
	"avportal/projections/live"
)

//go:embed openapi.yaml
var document []byte

// Config is what the API works with.
type Config struct {
	Commands    *commands.Handler
	Store       eventstore.Store
	Readers     *pgxpool.Pool     // see projections.OpenReaders
	Past        *projections.Past // of the views that are read
	Operator    *projections.Operator
	Signals     *projections.Signals // of the engine that runs in this process; nil if none does
	Tokens      *tokens.Vault
	SignIn      *signin.Service
	Credentials *credentials.Vault
	Cookies     sessions.Cookies
	Reseller    *rsp.Portal
	Secrets     *secrets.Vault // of configuration profiles
	Webhooks    *webhooks.Sender
	Logs        *live.Logs           // that devices have sent
	Changes     *changes.Broadcaster // what the event stream sends; whoever makes it runs it
	// Mails brings invitations to people; where it sends none, who invites gets the link to pass on.
	Mails *mail.Mailer
	// Background does what nobody waits for.
	Background func(func(context.Context))

	Now func() time.Time
	Log *slog.Logger

	// RequestsPerSecond bounds what one token may send, with bursts of four times as much; 0 means 50.
	RequestsPerSecond float64
	// StrangersPerSecond bounds, by remote IP address, requests without a token that is known to be good, with bursts of five
	// times as much; 0 means 20.
	StrangersPerSecond float64
	// StreamsPerToken is how many event streams one token may have open; 0 means 20.
	StreamsPerToken int

	// Ready reports what a load balancer wants to know: whether requests can be served, and, as JSON, why not.
	Ready func(context.Context) (report any, ok bool)
	// Metrics answers /metrics; nil for none.
	Metrics http.Handler
	// Middleware stands on the router, where the route template is known; metrics, say.
	Middleware []mux.MiddlewareFunc
	// Closing ends event streams when it is closed.
	Closing <-chan struct{}
}

type server struct {
	Config
	doc        *openapi3.T
	validation *openapi3filter.Options
	endpoints  map[string]*endpoint // by method and template
	origins    *http.CrossOriginProtection
	log        *actionlog.Log
	limits     *limits
}

var _ StrictServerInterface = (*server)(nil)

// New makes the handler of everything below /api/v1, of /livez, /readyz and /metrics. It fails if the routes, the document
// and the table of access rules do not agree.
func New(cfg Config) (http.Handler, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	s := &server{
		Config: cfg, doc: doc, validation: validationOptions(), origins: http.NewCrossOriginProtection(),
		log: actionlog.New(cfg.Commands, cfg.Store),
	}
	if s.limits, err = newLimits(cfg); err != nil {
		return nil, err
	}
	api := s.router()
	if s.endpoints, err = endpointsOf(api, doc); err != nil {
		return nil, err
	}
	root := http.NewServeMux()
	root.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	root.HandleFunc("GET /readyz", s.readyz)
	if err := contract(root, doc); err != nil {
		return nil, err
	}
	if cfg.Metrics != nil {
		root.Handle("GET /metrics", cfg.Metrics)
	}
	return s.outermost(route(api, root)), nil
}

// router has all routes side by side: below a subrouter of its own path, gorilla/mux answers 404 where 405 is right.
func (s *server) router() *mux.Router {
	r := mux.NewRouter()
	r.SkipClean(true) // no redirects to what the caller may have meant
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errNoRoute) })
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errMethod) })
	r.Use(s.Middleware...)
	r.Use(s.admit)
	badBinding := func(w http.ResponseWriter, r *http.Request, _ error) {
		s.fail(w, r, invalidRequest("", "format", "A value has the wrong form."))
	}
	strict := NewStrictHandlerWithOptions(s, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: badBinding, ResponseErrorHandlerFunc: s.fail,
	})
	r.HandleFunc(basePath+"/events", s.streamEvents).Methods(http.MethodGet)
	r.HandleFunc(basePath+"/projections/{view}/progress", s.streamProgress).Methods(http.MethodGet)
	generated := mux.NewRouter()
	HandlerWithOptions(strict, GorillaServerOptions{BaseRouter: generated, BaseURL: basePath, ErrorHandlerFunc: badBinding})
	namesFirst(r, generated)
	return r
}

// namesFirst takes over routes in an order in which /devices/export is met before /devices/{id}.
func namesFirst(r, generated *mux.Router) {
	type route struct {
		path    string
		methods []string
		handler http.Handler
	}
	var all []route
	_ = generated.Walk(func(g *mux.Route, _ *mux.Router, _ []*mux.Route) error { // an incomplete route is found by endpointsOf
		path, _ := g.GetPathTemplate()
		methods, _ := g.GetMethods()
		all = append(all, route{path, methods, g.GetHandler()})
		return nil
	})
	slices.SortStableFunc(all, func(a, b route) int { return strings.Compare(a.path, b.path) }) // { comes after all letters
	for _, g := range all {
		r.Handle(g.path, g.handler).Methods(g.methods...)
	}
}

// route leaves everything to the API but the addresses of other has patterns for.
func route(api http.Handler, other *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := other.Handler(r); pattern != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			h.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	report, ok := s.Ready(r.Context())
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, report)
}
