package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/people"
	"avportal/http/api"
	"avportal/http/api/changes"
	"avportal/http/api/tokens"
	"avportal/http/rsp"
	"avportal/http/secrets"
	"avportal/http/signin"
	"avportal/http/signin/credentials"
	"avportal/http/signin/sessions"
	"avportal/http/vault"
	"avportal/http/webhooks"
	"avportal/projections"
	"avportal/projections/dashboard"
	"avportal/projections/devices"
	"avportal/projections/jobs"
	"avportal/projections/licenses"
	"avportal/projections/live"
	"avportal/projections/notices"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/profiles"
	"avportal/projections/users"
)

const (
	tenant  domain.Tenant = "0123456789abcdef0123456789abcdef"
	foreign domain.Tenant = "fedcba9876543210fedcba9876543210"
)

// portal is the whole of it but for a real event store: commands, views on a real Postgres, and the API behind a real server.
type portal struct {
	*testing.T
	store    eventstore.Store
	h        *commands.Handler
	vault    *tokens.Vault
	sessions *sessions.Vault
	secrets  *secrets.Vault
	webhooks *webhooks.Sender
	logs     *live.Logs
	signin   *signin.Service
	server   *httptest.Server
	log      *bytes.Buffer
	close    func() // says that the portal is closing
	routes   routers.Router
	schema   *openapi3.Schema // of problems
	people   *people.Vault
	engine   *projections.Engine
	db       *pgxpool.Pool // allowed everything

	mu    sync.Mutex
	now   time.Time // zero: the real one
	admin string    // token of a reseller_admin
}

func (p *portal) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now.IsZero() {
		return time.Now()
	}
	return p.now
}

func start(t *testing.T) *portal {
	t.Helper()
	return startOn(t, memory.New(catalog.Registry()))
}

// startWith starts a portal with a configuration that differs in something.
func startWith(t *testing.T, differ func(*api.Config)) *portal {
	t.Helper()
	return startOn(t, memory.New(catalog.Registry()), differ)
}

func startOn(t *testing.T, store eventstore.Store, differ ...func(*api.Config)) *portal {
	t.Helper()
	p := &portal{T: t, log: &bytes.Buffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	var background sync.WaitGroup
	url := postgrestest.URL(t)
	views := []projections.View{dashboard.View, devices.View, jobs.View, licenses.View, users.View, profiles.View, notices.View}
	config, err := pgxpool.ParseConfig(url)
	check(t, err)
	config.MaxConns = 20 // each view and policy holds one
	writers := pool(t)(pgxpool.NewWithConfig(ctx, config))
	readers := pool(t)(projections.OpenReaders(ctx, url, views...))
	t.Cleanup(func() { cancel(); background.Wait() }) // before the pools are closed and the database dropped
	check(t, live.Migrate(ctx, writers))
	p.people, err = people.Open(ctx, writers, p.clock)
	check(t, err)
	if inMemory, ok := store.(*memory.Store); ok {
		store = inMemory.WithKeys(p.people)
	}
	p.store, p.h = store, commands.New(store, commands.People(p.people))
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	models := projections.Config{
		DB: writers, Store: store, Views: views, Log: quiet,
		Policies: []projections.Policy{
			{Name: "run job", React: func(ctx context.Context, r eventstore.Recorded) error { return commands.RunJob(ctx, p.h, r) }},
		},
	}
	engine, err := projections.New(models)
	check(t, err)
	p.engine, p.db = engine, writers
	past, err := projections.NewPast(ctx, models, pool(t)(projections.OpenReaders(ctx, url)))
	check(t, err)
	operator := projections.NewOperator(ctx, func(context.Context) (*projections.Engine, error) {
		c := models
		c.Policies = nil
		return projections.New(c)
	})
	t.Cleanup(func() { cancel(); past.Wait(); operator.Wait() })
	background.Go(func() {
		if err := engine.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("the views ended: %v", err)
		}
	})
	p.vault, err = tokens.New(ctx, writers, p.clock)
	check(t, err)
	p.logs = live.NewLogs(writers)
	key, err := vault.New(bytes.Repeat([]byte{7}, 32))
	check(t, err)
	p.secrets, err = secrets.New(ctx, writers, key)
	check(t, err)
	p.webhooks, err = webhooks.New(ctx, webhooks.Config{DB: writers, Key: key, Commands: p.h, Now: p.clock, Log: quiet})
	check(t, err)
	p.sessions, err = sessions.New(ctx, writers, p.clock)
	check(t, err)
	p.signin = &signin.Service{Commands: p.h, Sessions: p.sessions, DB: writers, Now: p.clock}
	passwords, err := credentials.New(ctx, writers, key, p.clock)
	check(t, err)
	seller, err := rsp.New(ctx, rsp.Config{}, rsp.Deps{DB: writers, Key: key, Commands: p.h, Now: p.clock, Log: quiet})
	check(t, err)
	stream := changes.New(store, store, quiet)
	background.Go(func() { stream.Run(ctx) })
	closing := make(chan struct{})
	p.close = sync.OnceFunc(func() { close(closing) })
	cfg := api.Config{
		Commands: p.h, Store: store, Readers: readers, Past: past, Signals: engine.Signals(), Tokens: p.vault, Secrets: p.secrets, Webhooks: p.webhooks, Logs: p.logs, SignIn: p.signin, Credentials: passwords, Reseller: seller, Changes: stream, Now: p.clock,
		Operator: operator,
		Log:      slog.New(slog.NewTextHandler(p.log, nil)),
		Ready:    func(context.Context) (any, bool) { return map[string]string{"views": "all there"}, true },
		Metrics:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		Closing:  closing,
		// Tests are quicker than any client should be.
		RequestsPerSecond: 10_000, StrangersPerSecond: 10_000,
	}
	for _, d := range differ {
		d(&cfg)
	}
	handler, err := api.New(cfg)
	check(t, err)
	p.server = httptest.NewServer(handler)
	p.server.Client().Timeout = time.Minute
	t.Cleanup(func() { p.close(); p.server.Close() })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the portal's log:\n%s", p.log)
		}
	})
	p.document()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) { // until each view is there
		var there int
		err := writers.QueryRow(ctx, `SELECT count(*) FROM portal.generation WHERE schema IN ('dashboard', 'devices', 'jobs', 'licenses', 'users', 'profiles', 'notices')`).Scan(&there)
		if err == nil && there == len(views) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d views are there, %v", there, err)
		}
	}
	p.admin = p.token(domain.ResellerAdmin, tenant, "")
	return p
}

func pool(t *testing.T) func(*pgxpool.Pool, error) *pgxpool.Pool {
	return func(db *pgxpool.Pool, err error) *pgxpool.Pool {
		check(t, err)
		t.Cleanup(db.Close)
		return db
	}
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func init() { // files, pictures and streams are bytes to the validator
	for _, kind := range []string{
		"text/csv", "application/x-ndjson", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "image/svg+xml", "application/gzip", "text/event-stream",
	} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
}

func (p *portal) document() {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	check(p, err)
	check(p, doc.Validate(p.Context()))
	p.schema = doc.Components.Schemas["Problem"].Value
	p.routes, err = gorillamux.NewRouter(doc)
	check(p, err)
}

func (p *portal) token(role domain.Role, t domain.Tenant, c domain.CustomerID) string {
	p.Helper()
	_, secret, err := p.vault.Create(p.Context(), tokens.Grant{Name: string(role), Actor: "u-" + string(role), Role: role, Tenant: t, Customer: c})
	check(p, err)
	return secret
}
