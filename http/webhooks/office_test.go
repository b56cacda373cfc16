package webhooks

import (
	"bytes"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/notice"
	"avportal/domain/reseller"
	"avportal/domain/webhook"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/people"
	"avportal/http/outward"
	"avportal/http/vault"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, postgrestest.IgnoreServer()) }

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var start = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// call is a request that the other side got.
type call struct {
	header http.Header
	body   []byte
}

// office is a portal's write side, and a server on the other side that answers as it is told.
type office struct {
	*testing.T
	db     *pgxpool.Pool
	store  eventstore.Store
	h      *commands.Handler
	server *httptest.Server
	own    *Sender

	mu     sync.Mutex
	now    time.Time
	answer func(http.ResponseWriter, *http.Request) // nil: 204
	calls  []call
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, now: start, db: postgrestest.Pool(t)}
	o.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.calls = append(o.calls, call{r.Header, body})
		answer := o.answer
		o.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(o.server.Close)
	keys, err := people.Open(t.Context(), o.db, o.clock)
	check(t, err)
	log := memory.New(catalog.Registry())
	log.SetClock(o.clock)
	o.store = log.WithKeys(keys)
	o.h = commands.New(o.store)
	o.own = o.sender(o.trusting())
	_, err = commands.Do[reseller.State](t.Context(), o.h, o.as(domain.Operator), reseller.Register{Tenant: tenant, Name: "R", Language: reseller.German, At: o.now})
	check(t, err)
	return o
}

// trusting lets calls reach the server on this machine.
func (o *office) trusting() outward.Policy {
	roots := x509.NewCertPool()
	roots.AddCert(o.server.Certificate())
	return outward.Policy{Private: true, Roots: roots}
}

// sender is another portal, or this one after a restart.
func (o *office) sender(p outward.Policy) *Sender {
	o.Helper()
	key, err := vault.New(bytes.Repeat([]byte{7}, 32))
	check(o, err)
	s, err := New(o.Context(), Config{DB: o.db, Key: key, Commands: commands.New(o.store), Calls: p, Now: o.clock, Log: slog.New(slog.DiscardHandler)})
	check(o, err)
	return s
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (o *office) as(role domain.Role) commands.Request {
	return commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: "u1", Role: role, Tenant: tenant}, At: o.clock(), ID: uuid.New()}
}

// hook adds a webhook for viruses, and gives its secret.
func (o *office) hook(id webhook.ID, url string) string {
	o.Helper()
	rq := o.as(domain.ResellerAdmin)
	secret, err := o.own.NewSecret(o.Context(), tenant, id, SecretFor(rq.ID))
	check(o, err)
	_, err = commands.Do[webhook.State](o.Context(), o.h, rq, webhook.Create{Tenant: tenant, Webhook: id, Secret: SecretFor(rq.ID), At: o.clock(), Settings: webhook.Settings{
		Name: "PSA", URL: domain.Personal{Subject: domain.Subject(rq.ID.String()), Text: url}, Kinds: []domain.Notice{domain.NoticeVirusFound},
	}})
	check(o, err)
	return secret
}

// raise raises a notice and gives its id.
func (o *office) raise(kind domain.Notice) string {
	o.Helper()
	c := notice.Raise{
		Tenant: tenant, Kind: kind, Subject: notice.Subject{Customer: "c1", Device: "d1"}, Episode: uuid.NewString(),
		Facts: notice.Facts{Name: "PC-1", Threat: "Test.Virus", Path: "/a"}, Happened: o.clock(), At: o.clock(),
	}
	check(o, commands.Tell(o.Context(), o.h, commands.Request{Actor: domain.SystemActor("t", tenant), At: o.clock(), ID: uuid.New()}, c))
	return string(commands.NoticeID(tenant, kind, c.Subject, c.Episode))
}

// follow lets the policy see the whole log, as after a rewind.
func (o *office) follow(s *Sender) {
	o.Helper()
	for r, err := range o.store.ReadAll(o.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(o, err)
		check(o, s.Follow(o.Context(), r))
	}
}

// work delivers all that is due.
func (o *office) work(s *Sender) {
	o.Helper()
	for {
		n, err := s.Deliver(o.Context())
		check(o, err)
		if n == 0 {
			return
		}
	}
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func (o *office) got() []call {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

func (o *office) say(f func(http.ResponseWriter, *http.Request)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = f
}

func (o *office) only(id webhook.ID) Delivery {
	o.Helper()
	list, err := o.own.Deliveries(o.Context(), tenant, id, 10)
	check(o, err)
	if len(list) != 1 {
		o.Fatalf("deliveries: %+v", list)
	}
	return list[0]
}

func (o *office) disabled(id webhook.ID) webhook.Reason {
	o.Helper()
	w, err := o.own.get(o.Context(), tenant, id)
	check(o, err)
	return w.Disabled
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
