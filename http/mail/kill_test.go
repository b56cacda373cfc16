package mail_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	mails "avportal/domain/mail"
	"avportal/domain/reseller"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/node/nodetest"
	"avportal/eventstore/people"
	"avportal/http/mail"
	"avportal/http/mail/sink"
	"avportal/projections/postgres/postgrestest"
)

// These make the test binary the part of a portal that sends mails, until it is killed.
const (
	childSMTP     = "AVPORTAL_MAIL_TEST_SMTP"
	childNode     = "AVPORTAL_MAIL_TEST_NODE"
	childPostgres = "AVPORTAL_MAIL_TEST_POSTGRES"
)

func secretFor(about string) string { return uuid.NewSHA1(uuid.Nil, []byte(about)).String() }

// portalOfMails follows the whole log from its beginning each time it starts, so every kill is a replay as well.
func portalOfMails() error {
	ctx := context.Background()
	go func() { // the parent holds the other end; if it dies the child must not stay
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(2)
	}()
	db, err := pgxpool.New(ctx, os.Getenv(childPostgres))
	if err != nil {
		return err
	}
	w, err := openWriteSide(ctx, db, os.Getenv(childNode))
	if err != nil {
		return err
	}
	server, err := mail.NewServer(os.Getenv(childSMTP), from)
	if err != nil {
		return err
	}
	m, err := mail.New(ctx, mail.Config{Server: server, PublicURL: public, DB: db, Commands: w.h, Count: func(string, string) {}, Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	go m.Run(ctx)
	for r, err := range w.store.Subscribe(ctx, eventstore.Position{}) {
		if err == nil {
			err = m.Follow(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the subscription ended")
}

// writeSide is what a portal writes with.
type writeSide struct {
	store *esdb.Store
	h     *commands.Handler
}

func openWriteSide(ctx context.Context, db *pgxpool.Pool, node string) (w writeSide, err error) {
	vault, err := people.Open(ctx, db, time.Now)
	if err != nil {
		return w, err
	}
	w.store, err = esdb.Open(esdb.Config{ConnectionString: node, Registry: catalog.Registry(), Keys: vault})
	w.h = commands.New(w.store, commands.People(vault), commands.InvitationSecrets(secretFor))
	return w, err
}

// killing is a portal that is killed while it sends mails.
type killing struct {
	*testing.T
	writeSide
	db    *pgxpool.Pool
	node  string
	box   *sink.Sink
	mu    sync.Mutex
	child *exec.Cmd
	stdin io.Closer
	users int
}

func startKilling(t *testing.T) *killing {
	t.Helper()
	k := &killing{T: t, db: postgrestest.Pool(t), node: nodetest.Start(t).ConnectionString()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	k.box, err = sink.Serve(l, "")
	check(t, err)
	t.Cleanup(func() { check(t, k.box.Close()) })
	k.writeSide, err = openWriteSide(t.Context(), k.db, k.node)
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		check(t, k.store.Close(ctx))
	})
	_, err = commands.Do[reseller.State](t.Context(), k.h, commands.Request{Actor: domain.Actor{Role: domain.Operator, ID: "op"}, At: time.Now(), ID: uuid.New()},
		reseller.Register{Tenant: tenant, Name: "Systemhaus Süd", Language: reseller.German, At: time.Now()})
	check(t, err)
	t.Cleanup(k.kill)
	k.start()
	return k
}

func (k *killing) start() {
	k.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childSMTP+"="+k.box.URL(), childNode+"="+k.node, childPostgres+"="+k.db.Config().ConnString())
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	check(k, err)
	check(k, child.Start())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.child, k.stdin = child, stdin
}

// kill ends the process as a power cut would.
func (k *killing) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.child != nil {
		_ = k.child.Process.Kill()
		_ = k.child.Wait()
		_ = k.stdin.Close()
		k.child = nil
	}
}

// invite makes the portal send a mail to somebody new.
func (k *killing) invite() domain.UserID {
	k.Helper()
	k.users++
	id := domain.UserID("u" + strconv.Itoa(k.users))
	_, err := commands.InviteUser(k.Context(), k.h, commands.Request{Actor: admin, At: time.Now(), ID: uuid.New()}, user.Invite{
		Tenant: tenant, User: id, Details: vera, Email: string(id) + "@systemhaus.example", Role: domain.ResellerTechnician, At: time.Now(),
	})
	check(k, err)
	return id
}

// concluded waits until the log says that somebody's mail was sent.
func (k *killing) concluded(id domain.UserID) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), time.Minute)
	defer cancel()
	for r, err := range k.store.Subscribe(ctx, eventstore.Position{}) {
		if err != nil {
			k.Fatalf("the mail to %s: %v", id, err)
		}
		if sent, ok := r.Event.(mails.Sent); ok && sent.User == id {
			return
		}
	}
}

// copies are the mails that have come to somebody, all with one Message-ID.
func (k *killing) copies(id domain.UserID) (n int) {
	k.Helper()
	ids := map[string]bool{}
	for _, m := range k.box.Mails() {
		if m.To == string(id)+"@systemhaus.example" {
			n++
			ids[m.Header("Message-ID")] = true
		}
	}
	if len(ids) != 1 || ids[""] {
		k.Errorf("%d mails to %s have the Message-IDs %v", n, id, ids)
	}
	return n
}

// killCycles is how often the portal is killed at each stage.
func killCycles() int {
	if os.Getenv("AVPORTAL_TORTURE") != "" {
		return 200
	}
	return 4
}

// However often the portal is killed while it sends, no mail is lost. Another copy, with the same Message-ID, comes only where it is
// killed after the server has the text and before that is noted; and the log tells of each mail once.
func TestKilledMailerLosesNothing(t *testing.T) {
	k := startKilling(t)
	twice := 0
	for _, stage := range []string{"mail", "rcpt", "taken", "answered"} {
		for range killCycles() {
			killed := make(chan struct{})
			var once sync.Once
			end := func() { once.Do(func() { k.kill(); close(killed) }) }
			k.box.Refuse(func(s string) error {
				switch {
				case s == stage:
					end()
				case s == "taken" && stage == "answered":
					go func() { // the answer is on its way, and the portal notes what it says
						time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
						end()
					}()
				}
				return nil
			})
			id := k.invite()
			<-killed
			k.box.Refuse(nil)
			k.start()
			k.concluded(id)
			switch n := k.copies(id); {
			case n > 1 && (stage == "mail" || stage == "rcpt"), n > 2:
				t.Errorf("killed at %q, %d copies have come", stage, n)
			case n > 1:
				twice++
			}
		}
	}
	before := len(k.box.Mails())
	k.kill()
	k.start() // reads all of the log once more
	k.concluded(k.invite())
	if after := len(k.box.Mails()); after != before+1 {
		t.Errorf("a replay has sent %d mails", after-before-1)
	}
	told := map[domain.UserID]int{}
	for r, err := range k.store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		if sent, ok := r.Event.(mails.Sent); ok {
			told[sent.User]++
		}
	}
	for id, n := range told {
		if n != 1 {
			t.Errorf("the log tells %d times that the mail to %s was sent", n, id)
		}
	}
	if len(told) != k.users {
		t.Errorf("the log tells of %d mails, want %d", len(told), k.users)
	}
	t.Logf("%d kills, %d mails, %d of them twice", 4*killCycles(), k.users, twice)
}
