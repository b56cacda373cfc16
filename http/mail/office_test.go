package mail_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/reseller"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/people"
	"avportal/http/mail"
	"avportal/http/mail/sink"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childSMTP) != "" {
		if err := portalOfMails(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, postgrestest.IgnoreServer())
}

const (
	tenant = domain.Tenant("00112233445566778899aabbccddeeff")
	public = "https://portal.example"
	from   = "AV Portal <portal@systemhaus.example>"
)

var admin = domain.Actor{Kind: domain.ActorUser, ID: "admin", Role: domain.ResellerAdmin, Tenant: tenant}

// office is a portal's write side with a mail server.
type office struct {
	*testing.T
	mu     sync.Mutex
	now    time.Time
	db     *pgxpool.Pool
	vault  *people.Vault
	store  *memory.Store
	h      *commands.Handler
	sink   *sink.Sink
	mailer *mail.Mailer
	read   eventstore.Position
	ends   map[string]int // of mails, by kind and outcome
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, ends: map[string]int{}, now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC), db: postgrestest.Pool(t)}
	var err error
	o.vault, err = people.Open(t.Context(), o.db, o.clock)
	check(t, err)
	o.store = memory.New(catalog.Registry()).WithKeys(o.vault)
	o.store.SetClock(o.clock)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	o.sink, err = sink.Serve(l, "")
	check(t, err)
	t.Cleanup(func() { check(t, o.sink.Close()) })
	o.restart()
	do[reseller.State](o, domain.Actor{Role: domain.Operator, ID: "op"}, reseller.Register{Tenant: tenant, Name: "Systemhaus Süd", Language: reseller.German, At: o.now})
	return o
}

// restart is another process on the same log and database.
func (o *office) restart() {
	o.Helper()
	server, err := mail.NewServer(o.sink.URL(), from)
	check(o, err)
	o.h = commands.New(o.store, commands.People(o.vault), commands.InvitationSecrets(func(about string) string { return uuid.NewSHA1(uuid.Nil, []byte(about)).String() }))
	o.mailer, err = mail.New(o.Context(), mail.Config{
		Server: server, PublicURL: public, DB: o.db, Commands: o.h, Count: o.ended, Now: o.clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	check(o, err)
}

func (o *office) ended(kind, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends[kind+" "+outcome]++
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func do[S domain.State[S]](o *office, a domain.Actor, c domain.Command[S]) {
	o.Helper()
	_, err := commands.Do[S](o.Context(), o.h, commands.Request{Actor: a, At: o.clock(), ID: uuid.New()}, c)
	check(o, err)
}

func (o *office) invite(u domain.UserID, d user.Details) {
	o.Helper()
	_, err := commands.InviteUser(o.Context(), o.h, commands.Request{Actor: admin, At: o.clock(), ID: uuid.New()}, user.Invite{
		Tenant: tenant, User: u, Details: d, Email: string(u) + "@systemhaus.example", Role: domain.ResellerTechnician, At: o.clock(),
	})
	check(o, err)
}

func (o *office) renew(u domain.UserID) {
	o.Helper()
	_, err := commands.RenewInvitation(o.Context(), o.h, commands.Request{Actor: admin, At: o.clock(), ID: uuid.New()}, user.RenewInvitation{Tenant: tenant, User: u, At: o.clock()})
	check(o, err)
}

// follow lets the policy see what it has not seen, and sends what is due.
func (o *office) follow() {
	o.Helper()
	for r, err := range o.store.ReadAll(o.Context(), o.read, eventstore.Forward, 0) {
		check(o, err)
		check(o, o.mailer.Follow(o.Context(), r))
		o.read = r.Position
	}
	o.send()
}

func (o *office) send() {
	o.Helper()
	for {
		worked, err := o.mailer.SendNext(o.Context())
		check(o, err)
		if !worked {
			return
		}
	}
}

// said is what the log says about mails.
func (o *office) said() (events []domain.Event) {
	o.Helper()
	for r, err := range o.store.ReadAll(o.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(o, err)
		if r.Stream.Kind == domain.KindMail {
			events = append(events, r.Event)
		}
	}
	return events
}

func (o *office) count(mails int) []sink.Mail {
	o.Helper()
	got := o.sink.Mails()
	if len(got) != mails {
		o.Fatalf("%d mails have come, want %d", len(got), mails)
	}
	return got
}

func (o *office) states() (s string) {
	o.Helper()
	check(o, o.db.QueryRow(o.Context(), `SELECT COALESCE(string_agg(kind || ' ' || state || ' ' || reason, ', ' ORDER BY changed_at, id), '') FROM live.mail`).Scan(&s))
	return s
}

var vera = user.Details{Salutation: "mrs", FirstName: "Vera", Surname: "Vögel"}
